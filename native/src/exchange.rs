//! What Python and the I/O thread of a connection tell each other.
//!
//! The lock is held for moments only, and nobody who has it waits for the interpreter lock. So
//! Python may take it at any time.

use std::sync::{Mutex, MutexGuard, PoisonError};

use bytes::Bytes;
use quinn_proto::VarInt;

use crate::datagrams::Arrived;
use crate::framer::Piece;
use crate::state::{CloseReason, State, Statistics};

/// What Python wants of the thread.
#[derive(Default)]
pub struct Orders {
    pub written: Vec<Bytes>,
    pub written_size: usize,
    /// Bytes that the application has fetched.
    pub released: usize,
    pub ping: bool,
    pub close: Option<(VarInt, Bytes)>,
    pub datagrams: Vec<Arrived>,
    pub free: bool,
}

/// What the thread reports.
#[derive(Clone, Default)]
pub struct Report {
    pub unsent: usize,
    pub unacknowledged: usize,
    pub partial: usize,
    pub finished: bool,
    pub reset: bool,
    pub terminated: bool,
    pub failed: bool,
    pub datagram_size: u16,
    pub close_reason: Option<CloseReason>,
    pub statistics: Statistics,
}

impl Report {
    pub fn of(state: &State) -> Self {
        Self {
            unsent: state.unsent(),
            unacknowledged: state.unacknowledged(),
            partial: state.framer.partial(),
            finished: state.finished,
            reset: state.reset,
            terminated: state.terminated(),
            failed: false,
            datagram_size: state.datagram_size(),
            close_reason: state.close_reason(),
            statistics: state.statistics(),
        }
    }

    /// Whether the connection has changed in what Python acts on, besides what was received.
    fn differs(&self, before: &Self) -> bool {
        self.finished != before.finished
            || self.reset != before.reset
            || self.terminated != before.terminated
            || self.failed != before.failed
            || self.datagram_size != before.datagram_size
            || self.close_reason.is_some() != before.close_reason.is_some()
    }
}

/// What was received since Python has taken it the last time.
#[derive(Default)]
pub struct Received {
    pub pieces: Vec<Piece>,
    /// Bytes of the stream that were read for them.
    pub read: usize,
    /// Bytes of datagrams, and how many there were.
    pub arrived: (usize, usize),
    /// Whether this is the end of what the peer sends.
    pub finished: bool,
}

/// Both sides.
#[derive(Default)]
pub struct Exchange {
    pub orders: Orders,
    pub report: Report,
    received: Received,
    /// Bytes that were never sent from which on writers wait.
    send_limit: usize,
    /// Whether there are so many, and whether somebody waits until all has been acknowledged.
    full: bool,
    awaited: bool,
    /// Whether the thread reads nothing until the application has fetched something.
    starved: bool,
    /// Whether Python is told already that there is something new.
    told: bool,
}

/// What has to be done after a report.
#[derive(Debug, PartialEq, Eq)]
pub struct Consequence {
    pub tell: bool,
    pub again: bool,
}

impl Exchange {
    pub fn new(report: Report, send_limit: usize) -> Self {
        Self { report, send_limit, ..Self::default() }
    }

    // Methods for Python.

    pub fn write(&mut self, data: Bytes) {
        self.orders.written_size += data.len();
        self.orders.written.push(data);
    }

    pub fn unsent(&self) -> usize {
        self.report.unsent + self.orders.written_size
    }

    /// Return what is not acknowledged. Whoever asks is told when that is nothing.
    pub fn unacknowledged(&mut self) -> usize {
        self.awaited = true;
        self.report.unacknowledged + self.orders.written_size
    }

    /// Return whether the thread waits for this.
    pub fn release(&mut self, size: usize) -> bool {
        self.orders.released += size;
        std::mem::take(&mut self.starved)
    }

    pub fn take_received(&mut self) -> Received {
        let received = Received { finished: self.report.finished, ..Received::default() };
        std::mem::replace(&mut self.received, received)
    }

    /// Expect to be told of what is new from now on.
    pub fn listen(&mut self) {
        self.told = false;
    }

    // Methods for the thread.

    pub fn take_orders(&mut self) -> Orders {
        let orders = std::mem::take(&mut self.orders);
        // What the thread has taken is counted until it reports.
        self.report.unsent += orders.written_size;
        self.report.unacknowledged += orders.written_size;
        self.full |= self.report.unsent >= self.send_limit;
        orders
    }

    /// Report how it is, and what was received; with `starved` nothing more is read for now.
    pub fn report(&mut self, report: Report, received: Received, starved: bool) -> Consequence {
        let mut new = !received.pieces.is_empty() || report.differs(&self.report);
        self.report = report;
        self.received.pieces.extend(received.pieces);
        self.received.read += received.read;
        self.received.arrived.0 += received.arrived.0;
        self.received.arrived.1 += received.arrived.1;
        self.received.finished = self.report.finished;
        let full = self.unsent() >= self.send_limit;
        new |= self.full && !full;
        self.full = full;
        if self.awaited && self.report.unacknowledged + self.orders.written_size == 0 {
            self.awaited = false;
            new = true;
        }
        self.starved = starved && self.orders.released == 0;
        let tell = new && !self.told;
        self.told |= new;
        Consequence { tell, again: starved && !self.starved }
    }
}

/// One connection of a thread, as both sides know it.
pub struct Shared {
    /// The first ID that the peer was given, by which Python knows the connection.
    pub id: Vec<u8>,
    exchange: Mutex<Exchange>,
}

impl Shared {
    pub fn new(id: Vec<u8>, exchange: Exchange) -> Self {
        Self { id, exchange: Mutex::new(exchange) }
    }

    pub fn exchange(&self) -> MutexGuard<'_, Exchange> {
        self.exchange.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const LIMIT: usize = 100;

    fn exchange() -> Exchange {
        Exchange::new(Report::default(), LIMIT)
    }

    fn report(unsent: usize, unacknowledged: usize) -> Report {
        Report { unsent, unacknowledged, ..Report::default() }
    }

    fn told(exchange: &mut Exchange, report: Report) -> bool {
        let tell = exchange.report(report, Received::default(), false).tell;
        exchange.listen();
        tell
    }

    #[test]
    fn what_was_written_counts_until_it_is_sent() {
        let mut exchange = exchange();
        exchange.write(Bytes::from_static(&[7; 60]));
        assert_eq!((exchange.unsent(), exchange.unacknowledged()), (60, 60));
        let orders = exchange.take_orders();
        assert_eq!((orders.written.len(), orders.written_size), (1, 60));
        exchange.write(Bytes::from_static(&[7; 10]));
        assert_eq!((exchange.unsent(), exchange.unacknowledged()), (70, 70));
        exchange.report(report(0, 60), Received::default(), false);
        assert_eq!((exchange.unsent(), exchange.unacknowledged()), (10, 70));
    }

    #[test]
    fn writers_are_told_of_room_and_of_the_last_acknowledgement() {
        let mut exchange = exchange();
        exchange.write(Bytes::from_static(&[7; LIMIT]));
        exchange.take_orders();
        assert!(!told(&mut exchange, report(LIMIT, LIMIT)));
        assert!(told(&mut exchange, report(LIMIT - 1, LIMIT)));
        assert!(!told(&mut exchange, report(0, 1)));
        // Nobody has asked.
        assert!(!told(&mut exchange, report(0, 0)));
        exchange.unacknowledged();
        assert!(told(&mut exchange, report(0, 0)));
        assert!(!told(&mut exchange, report(0, 0)));
    }

    #[test]
    fn python_is_told_once_until_it_listens_again() {
        let mut exchange = exchange();
        let news = || Received {
            pieces: vec![Piece::default()],
            read: 5,
            arrived: (9, 1),
            finished: false,
        };
        assert!(exchange.report(report(0, 0), news(), false).tell);
        assert!(!exchange.report(report(0, 0), news(), false).tell);
        exchange.listen();
        let ended = Report { finished: true, ..Report::default() };
        assert!(exchange.report(ended, Received::default(), false).tell);
        let received = exchange.take_received();
        assert_eq!((received.pieces.len(), received.read, received.arrived), (2, 10, (18, 2)));
        assert!(received.finished);
        let received = exchange.take_received();
        assert!(received.pieces.is_empty() && received.finished);
    }

    #[test]
    fn a_thread_that_waits_for_the_application_goes_on_when_it_has_fetched() {
        let mut exchange = exchange();
        assert!(!exchange.release(1));
        // It was fetched while the thread was reading.
        assert!(exchange.report(report(0, 0), Received::default(), true).again);
        assert_eq!(exchange.take_orders().released, 1);
        assert!(!exchange.report(report(0, 0), Received::default(), true).again);
        assert!(exchange.release(1));
        assert!(!exchange.release(1));
    }
}
