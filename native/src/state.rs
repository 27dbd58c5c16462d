//! The state of one QUIC connection with one stream: what goes on in it, without Python.

use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Instant;

use bytes::{Bytes, BytesMut};
use quinn_proto::{
    ConnectionError, ConnectionHandle, DatagramEvent, Dir, EcnCodepoint, Endpoint, Event,
    ReadError, ReadableError, StreamEvent, StreamId, Transmit, TransportErrorCode, VarInt,
    WriteError,
};

use crate::addresses::Addresses;
use crate::config::Settings;
use crate::framer::{Framer, Piece};
use crate::gaps::EcnCounts;
use crate::peer::Peer;
use crate::send_queue::SendQueue;

/// Bytes that quinn is given beyond what the path carries, so that it always has something to send.
const AHEAD: usize = 64 << 10;
/// Datagrams and bytes of one segment batch: a little less than the kernel's limits.
const MAX_SEGMENTS: usize = 60;
pub const MAX_SEGMENTED: usize = 64_000;
/// Buffers that are kept to be used again, of one call to quinn each.
const MOST_SPARE: usize = 8;
/// Bytes that are made in one call, so that nothing else waits for long.
pub const MAX_BURST: usize = 2 << 20;

/// How the connection has ended: kind, error code, reason phrase.
pub type CloseReason = (&'static str, u64, String);
/// Round trip in seconds, datagram size, lost packets, congestion window; the codepoints of ECN of
/// the datagrams that were received, and of our packets as the peer reports them.
pub type Statistics = (Option<f64>, u16, u64, u64, EcnCounts, Option<EcnCounts>);

/// The state of a connection, as far as Python acts on its changes.
#[derive(Clone, Copy, Default, PartialEq, Eq)]
struct Status {
    confirmed: bool,
    finished: bool,
    reset: bool,
    lost: bool,
    datagram_size: u16,
}

/// Datagrams of one size, of which the last may be shorter, for one address.
pub struct Datagrams {
    pub parts: Vec<Vec<u8>>,
    pub size: usize,
    pub segment: usize,
    pub address: SocketAddr,
    pub ecn: u8,
}

impl Datagrams {
    fn new(content: Vec<u8>, transmit: &Transmit) -> Self {
        Self {
            size: content.len(),
            segment: transmit.segment_size.unwrap_or(transmit.size),
            address: transmit.destination,
            ecn: transmit.ecn.map_or(0, |ecn| ecn as u8),
            parts: vec![content],
        }
    }

    /// Whether `other` fits into the same segment batch, behind what is there.
    fn takes(&self, other: &Self) -> bool {
        let joined = self.size + other.size;
        // Of the segments of a batch, only the last one may be shorter.
        self.size % self.segment == 0
            && other.segment <= self.segment
            && (other.segment == self.segment || other.size == other.segment)
            && joined <= MAX_SEGMENTED
            && joined.div_ceil(self.segment) <= MAX_SEGMENTS
            && self.address == other.address
            && self.ecn == other.ecn
    }
}

/// A connection with the endpoint that it alone has: a failure can end no other one.
pub struct State {
    pub endpoint: Endpoint,
    pub connection: Option<(ConnectionHandle, quinn_proto::Connection)>,
    pub peer: Arc<Peer>,
    pub addresses: Addresses,
    window: u64,
    is_client: bool,
    stream: Option<StreamId>,
    pub framer: Framer,
    pub queue: SendQueue,
    responses: Vec<Datagrams>,
    pub connected: bool,
    pub begun: bool,
    pub finished: bool,
    pub reset: bool,
    pub more: bool,
    lost: Option<ConnectionError>,
    /// What Python has seen.
    status: Status,
    /// The codepoints of ECN of all datagrams that were received.
    marks: EcnCounts,
    /// Whether much was sent the last time.
    bulk: bool,
    /// Memory for datagrams, which is used again.
    spare: Vec<Vec<u8>>,
}

impl State {
    pub fn new(endpoint: Endpoint, peer: Arc<Peer>, settings: &Settings, is_client: bool) -> Self {
        Self {
            endpoint,
            connection: None,
            peer,
            addresses: Addresses::default(),
            window: settings.window,
            is_client,
            stream: None,
            framer: Framer::default(),
            queue: SendQueue::default(),
            responses: Vec::new(),
            connected: false,
            begun: false,
            finished: false,
            reset: false,
            more: false,
            lost: None,
            status: Status::default(),
            marks: EcnCounts::default(),
            bulk: false,
            spare: Vec::new(),
        }
    }

    /// Process datagrams of `size` bytes, of which the last may be shorter.
    pub fn receive(
        &mut self,
        mut data: BytesMut,
        size: usize,
        remote: SocketAddr,
        ecn: u8,
        now: Instant,
    ) {
        let ecn = EcnCodepoint::from_bits(ecn);
        let count = data.len().div_ceil(size) as u64;
        match ecn {
            Some(EcnCodepoint::Ect0) => self.marks.0 += count,
            Some(EcnCodepoint::Ect1) => self.marks.1 += count,
            Some(EcnCodepoint::Ce) => self.marks.2 += count,
            None => {}
        }
        // Each datagram is a part of the same memory, where quinn decrypts it in place.
        while !data.is_empty() {
            let datagram = data.split_to(size.min(data.len()));
            let mut reply = Vec::new();
            match self.endpoint.handle(now, remote, None, ecn, datagram, &mut reply) {
                Some(DatagramEvent::ConnectionEvent(_, event)) => {
                    if let Some((_, connection)) = &mut self.connection {
                        connection.handle_event(event);
                    }
                }
                Some(DatagramEvent::NewConnection(incoming)) => {
                    self.accept(incoming, now);
                }
                Some(DatagramEvent::Response(transmit)) => self.respond(reply, &transmit),
                None => {}
            }
        }
        self.advance();
    }

    fn accept(&mut self, incoming: quinn_proto::Incoming, now: Instant) {
        if self.connection.is_some() || self.lost.is_some() {
            self.endpoint.ignore(incoming);
            return;
        }
        let mut reply = Vec::new();
        match self.endpoint.accept(incoming, now, &mut reply, None) {
            Ok(accepted) => {
                self.begun = true;
                self.connection = Some(accepted);
            }
            Err(error) => {
                if let Some(transmit) = error.response {
                    self.begun = true;
                    self.respond(reply, &transmit);
                }
                self.lost = Some(error.cause);
            }
        }
    }

    /// Keep a datagram that no connection sends.
    fn respond(&mut self, mut content: Vec<u8>, transmit: &Transmit) {
        content.truncate(transmit.size);
        self.responses.push(Datagrams::new(content, transmit));
    }

    /// Exchange the events of connection and endpoint, and take those that we act on.
    pub fn advance(&mut self) {
        let Some((handle, connection)) = &mut self.connection else {
            return;
        };
        while let Some(event) = connection.poll_endpoint_events() {
            if let Some(answer) = self.endpoint.handle_event(*handle, event) {
                connection.handle_event(answer);
            }
        }
        while let Some(event) = connection.poll() {
            match event {
                Event::Connected => {
                    self.connected = true;
                    if self.is_client {
                        self.stream = connection.streams().open(Dir::Bi);
                    }
                }
                Event::ConnectionLost { reason } => self.lost = Some(reason),
                Event::Stream(StreamEvent::Opened { dir: Dir::Bi }) => {
                    self.stream = self.stream.or_else(|| connection.streams().accept(Dir::Bi));
                }
                Event::Stream(StreamEvent::Stopped { .. }) => self.reset = true,
                _ => {}
            }
        }
        if self.is_client && !self.begun {
            let received = connection.stats().frame_rx;
            self.begun = received.crypto + received.acks + received.connection_close > 0;
        }
    }

    /// Give quinn as much of the queue as the path carries.
    fn feed(&mut self) {
        let (Some((_, connection)), Some(stream)) = (&mut self.connection, self.stream) else {
            return;
        };
        let window = usize::try_from(connection.congestion_state().window()).unwrap_or(usize::MAX);
        let most = window.saturating_add(AHEAD);
        while self.queue.given() < most {
            let Some(piece) = self.queue.next() else {
                return;
            };
            let mut chunks = [piece];
            match connection.send_stream(stream).write_chunks(&mut chunks) {
                Ok(_) if chunks[0].is_empty() => {}
                Ok(_) | Err(WriteError::Blocked) => {
                    let [rest] = chunks;
                    self.queue.put_back(rest);
                    return;
                }
                Err(WriteError::Stopped(_) | WriteError::ClosedStream) => {
                    self.queue.clear();
                    return;
                }
            }
        }
    }

    /// Return the datagrams that are to be sent now, about `burst` bytes at most; `more` says
    /// whether there are others.
    pub fn datagrams(&mut self, now: Instant, burst: usize) -> Vec<Datagrams> {
        let mut batches = std::mem::take(&mut self.responses);
        self.more = false;
        let mut made = 0;
        loop {
            self.feed();
            let Some((_, connection)) = &mut self.connection else {
                break;
            };
            // A segment batch of the kernel's size: the rest would be another system call.
            let room = MAX_SEGMENTED.min(burst.saturating_sub(made));
            let most = room / usize::from(connection.current_mtu());
            if made > 0 && most == 0 {
                self.more = true;
                break;
            }
            let mut content = self.spare.pop().unwrap_or_default();
            let Some(transmit) = connection.poll_transmit(now, most.max(1), &mut content) else {
                self.spare.push(content);
                break;
            };
            made += transmit.size;
            content.truncate(transmit.size);
            let next = Datagrams::new(content, &transmit);
            match batches.last_mut() {
                Some(batch) if batch.takes(&next) => {
                    batch.size += next.size;
                    batch.parts.extend(next.parts);
                }
                _ => batches.push(next),
            }
        }
        self.bulk = self.more || made >= MAX_SEGMENTED;
        if !self.bulk {
            self.spare = Vec::new();
        }
        self.advance();
        batches
    }

    /// Use the memory of datagrams again, but keep no more than one flush mostly needs, and none
    /// for a connection that sends little.
    pub fn recycle(&mut self, parts: Vec<Vec<u8>>) {
        for mut part in parts {
            if self.bulk && self.spare.len() < MOST_SPARE {
                part.clear();
                self.spare.push(part);
            }
        }
    }

    /// Return what has arrived in order and can be passed on, and how many bytes were read for it.
    pub fn read(&mut self, most: usize, largest: usize) -> (Vec<Piece>, usize) {
        if most == 0 {
            return (Vec::new(), 0);
        }
        let (Some((_, connection)), Some(stream)) = (&mut self.connection, self.stream) else {
            return (Vec::new(), 0);
        };
        let mut stream = connection.recv_stream(stream);
        let mut chunks = match stream.read(true) {
            Ok(chunks) => chunks,
            Err(ReadableError::ClosedStream | ReadableError::IllegalOrderedRead) => {
                return (Vec::new(), 0);
            }
        };
        let mut left = most;
        while left > 0 {
            match chunks.next(left) {
                Ok(Some(chunk)) => {
                    left -= chunk.bytes.len();
                    self.framer.push(chunk.bytes);
                }
                Ok(None) => {
                    self.finished = true;
                    break;
                }
                Err(ReadError::Reset(_)) => {
                    self.reset = true;
                    break;
                }
                Err(ReadError::Blocked) => break,
            }
        }
        let _ = chunks.finalize();
        (self.framer.pieces(largest), most - left)
    }

    pub fn close_reason(&self) -> Option<CloseReason> {
        let phrase = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
        Some(match self.lost.as_ref()? {
            ConnectionError::TransportError(error) => {
                ("ours", u64::from(error.code), error.reason.clone())
            }
            ConnectionError::ConnectionClosed(close) => {
                ("transport", u64::from(close.error_code), phrase(&close.reason))
            }
            ConnectionError::ApplicationClosed(close) => {
                ("application", close.error_code.into_inner(), phrase(&close.reason))
            }
            ConnectionError::Reset => ("reset", 0, String::new()),
            ConnectionError::TimedOut => ("idle", 0, String::new()),
            ConnectionError::VersionMismatch => {
                ("ours", 0, "the server speaks no version of QUIC that we do".to_owned())
            }
            ConnectionError::LocallyClosed => ("local", 0, String::new()),
            ConnectionError::CidsExhausted => (
                "ours",
                u64::from(TransportErrorCode::INTERNAL_ERROR),
                "there is no connection ID left".to_owned(),
            ),
        })
    }

    /// Return whether anything of the status has changed since the last call.
    pub fn changed(&mut self) -> bool {
        let status = Status {
            confirmed: self.status.confirmed || self.confirmed(),
            finished: self.finished,
            reset: self.reset,
            lost: self.lost.is_some(),
            datagram_size: self.datagram_size(),
        };
        std::mem::replace(&mut self.status, status) != status
    }

    /// Whether the handshake is complete at both ends.
    pub fn confirmed(&self) -> bool {
        // A client's is before the server has verified its certificate. If the server has asked
        // for one, HANDSHAKE_DONE says that it was accepted ([RFC9001] 4.1.2).
        let asked = self.is_client && self.peer.record().certificate_requested;
        let done = self
            .connection
            .as_ref()
            .is_some_and(|(_, connection)| connection.stats().frame_rx.handshake_done > 0);
        self.connected && (!asked || done)
    }

    /// Return when `handle_timeout` is due.
    pub fn timeout(&mut self) -> Option<Instant> {
        self.connection.as_mut()?.1.poll_timeout()
    }

    /// Act on the timer.
    pub fn handle_timeout(&mut self, now: Instant) {
        if let Some((_, connection)) = &mut self.connection {
            connection.handle_timeout(now);
        }
        self.advance();
    }

    pub fn ping(&mut self) {
        if let Some((_, connection)) = &mut self.connection {
            connection.ping();
        }
    }

    /// Close the connection: only `CONNECTION_CLOSE` is left to be sent.
    pub fn close(&mut self, code: VarInt, reason: Bytes, now: Instant) {
        if let Some((_, connection)) = &mut self.connection {
            connection.close(now, code, reason);
        }
        self.queue.clear();
        self.advance();
    }

    /// Let the peer send more on all streams: a whole window ahead.
    pub fn open_receive_window(&mut self) {
        let window = VarInt::from_u64(self.window).unwrap_or(VarInt::MAX);
        if let Some((_, connection)) = &mut self.connection {
            connection.set_receive_window(window);
        }
    }

    /// Bytes of UDP payload of a full datagram; 0 before the first packet of a client.
    pub fn datagram_size(&self) -> u16 {
        self.connection.as_ref().map_or(0, |(_, connection)| connection.current_mtu())
    }

    /// Whether either end has closed the connection, or it has failed.
    pub fn ended(&self) -> bool {
        self.lost.is_some()
    }

    /// Whether the closing or draining period is over.
    pub fn terminated(&self) -> bool {
        match &self.connection {
            Some((_, connection)) => connection.is_drained(),
            None => self.lost.is_some() && self.responses.is_empty(),
        }
    }

    /// Bytes of the stream that were not sent, as far as they exceed the congestion window.
    pub fn unsent(&self) -> usize {
        let window = self.connection.as_ref().map_or(0, |(_, connection)| {
            usize::try_from(connection.congestion_state().window()).unwrap_or(usize::MAX)
        });
        self.queue.unsent() + self.queue.given().saturating_sub(window)
    }

    /// Bytes of the stream that are not acknowledged, as whole pieces.
    pub fn unacknowledged(&self) -> usize {
        self.queue.unsent() + self.queue.given()
    }

    pub fn statistics(&self) -> Statistics {
        let (received, reported) = (self.marks, self.peer.reported());
        let Some((_, connection)) = &self.connection else {
            return (None, 0, 0, 0, received, reported);
        };
        let measured = connection.stats();
        let path = measured.path;
        // Before the first acknowledgement the round trip is only assumed.
        let round_trip = (measured.frame_rx.acks > 0).then_some(path.rtt.as_secs_f64());
        (round_trip, path.current_mtu, path.lost_packets, path.cwnd, received, reported)
    }
}
