//! A connection that an I/O thread has, as Python sees it.

use std::collections::VecDeque;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex};

use bytes::{Bytes, BytesMut};
use pyo3::exceptions::{PyRuntimeError, PyValueError};
use pyo3::prelude::*;
use pyo3::pybacked::PyBackedBytes;
use pyo3::types::PyBytes;
use quinn_proto::VarInt;

use crate::addresses::Addresses;
use crate::connection::{frozen, objects, socket_address};
use crate::datagrams::Arrived;
use crate::exchange::Shared;
use crate::io_threads::{Hub, Task, lock};
use crate::peer::Peer;
use crate::state::{CloseReason, Statistics};
use crate::table::Owner;

/// Bytes of all pieces, datagrams and how many they were: what was received.
type Received = (Vec<PyObject>, usize, usize, usize);

/// One QUIC connection that an I/O thread has.
///
/// It has the methods of `Connection` that are of use after the handshake. The thread acts on them
/// when `datagrams` is called, so that it is woken once for several of them.
#[pyclass(frozen)]
pub struct ThreadedConnection {
    hub: Arc<Hub>,
    owner: Owner,
    shared: Arc<Shared>,
    peer: Arc<Peer>,
    addresses: Mutex<Addresses>,
    ids: Mutex<VecDeque<Vec<u8>>>,
    ordered: AtomicBool,
    finished: AtomicBool,
}

impl ThreadedConnection {
    pub fn new(
        hub: Arc<Hub>,
        owner: Owner,
        shared: Arc<Shared>,
        peer: Arc<Peer>,
        addresses: Addresses,
    ) -> Self {
        Self {
            hub,
            owner,
            shared,
            peer,
            addresses: Mutex::new(addresses),
            ids: Mutex::default(),
            ordered: AtomicBool::new(true),
            finished: AtomicBool::new(false),
        }
    }

    fn order(&self) {
        self.ordered.store(true, Ordering::Relaxed);
    }

    fn attend(&self) {
        self.hub.queues[self.owner.thread].add(Task::Attend(self.owner.connection));
    }

    fn forget_ids(&self) {
        let mut table = lock(&self.hub.table);
        for id in lock(&self.ids).drain(..) {
            table.remove(&id);
        }
    }
}

// The adapter asks this of every connection, also what is always the same here.
#[allow(clippy::unused_self)]
#[pymethods]
impl ThreadedConnection {
    /// Take datagrams with this connection ID for this connection.
    pub fn add_id(&self, id: &[u8]) {
        lock(&self.ids).push_back(id.to_vec());
        lock(&self.hub.table).add(id, self.owner);
    }

    /// Take no more datagrams with a connection ID.
    fn remove_id(&self, id: &[u8]) {
        lock(&self.ids).retain(|each| each != id);
        lock(&self.hub.table).remove(id);
    }

    /// Return the number of a new address of the peer, which may be that of one not used any more.
    fn add_address(&self, host: &str, port: u16, scope: u32) -> PyResult<usize> {
        let address = socket_address(host, port, scope)?;
        Ok(lock(&self.addresses).add(address, None))
    }

    /// Process datagrams of `size` bytes, of which the last may be shorter. What was received is
    /// taken later.
    #[allow(clippy::too_many_arguments)]
    fn receive(
        &self,
        data: PyBackedBytes,
        size: usize,
        address: usize,
        now: f64,
        ecn: u8,
        room: usize,
        largest: usize,
    ) -> ((Vec<PyObject>, usize), bool) {
        let _ = (now, room, largest);
        let nothing = ((Vec::new(), 0), false);
        let Some(remote) = lock(&self.addresses).received_from(address) else {
            return nothing;
        };
        let data = BytesMut::from(&data[..]);
        let arrived = Arrived { data, size: size.max(1), remote, local: None, ecn };
        let mut exchange = self.shared.exchange();
        if !exchange.report.terminated {
            exchange.orders.datagrams.push(arrived);
            self.order();
        }
        nothing
    }

    /// Return the messages that were received, as `Connection.read` does, the bytes of the stream
    /// that were read for them, and the bytes and number of the datagrams.
    fn take(&self, python: Python<'_>) -> PyResult<Received> {
        let received = {
            let mut exchange = self.shared.exchange();
            if exchange.report.failed {
                return Err(PyRuntimeError::new_err("the QUIC library has panicked"));
            }
            exchange.take_received()
        };
        self.finished.store(received.finished, Ordering::Relaxed);
        let (bytes, datagrams) = received.arrived;
        Ok((objects(python, &received.pieces)?, received.read, bytes, datagrams))
    }

    /// Let the peer send more, as so many bytes were fetched; return whether the thread waits for
    /// this.
    fn release(&self, size: usize) -> bool {
        let awaited = self.shared.exchange().release(size);
        if awaited {
            self.order();
        }
        awaited
    }

    /// Bytes of a message that were read and of which the rest is awaited.
    #[getter]
    fn partial(&self) -> usize {
        self.shared.exchange().report.partial
    }

    /// Send on the stream; return how many bytes of it are unsent then.
    fn write(&self, buffer: &Bound<'_, PyAny>) -> PyResult<usize> {
        let data = frozen(buffer)?;
        self.order();
        let mut exchange = self.shared.exchange();
        exchange.write(data);
        Ok(exchange.unsent())
    }

    /// Have the thread act on what was ordered; it sends by itself, so there is nothing to send.
    /// Return how many bytes of the stream are unsent.
    fn datagrams(&self, now: f64) -> (Vec<PyObject>, usize, bool) {
        let _ = now;
        if self.ordered.swap(false, Ordering::Relaxed) {
            self.attend();
        }
        (Vec::new(), self.shared.exchange().unsent(), false)
    }

    /// The thread has the timer.
    fn timer(&self) -> Option<f64> {
        None
    }

    /// Do nothing: the thread has the timer.
    fn tick(&self, now: f64) -> bool {
        let _ = now;
        false
    }

    /// Send a PING.
    fn ping(&self) {
        self.shared.exchange().orders.ping = true;
        self.order();
    }

    /// Close the connection: only `CONNECTION_CLOSE` is left to be sent.
    fn close(&self, code: u64, reason: &str, now: f64) -> PyResult<()> {
        let _ = now;
        let code =
            VarInt::from_u64(code).map_err(|error| PyValueError::new_err(error.to_string()))?;
        let reason = Bytes::copy_from_slice(reason.as_bytes());
        self.shared.exchange().orders.close = Some((code, reason));
        self.order();
        Ok(())
    }

    /// Nothing: what was negotiated was known before.
    #[getter]
    fn security(&self) -> Option<()> {
        None
    }

    /// The server name that a client has asked for, and the certificates that it has shown.
    #[getter]
    fn claims(&self, python: Python<'_>) -> (String, Vec<Py<PyBytes>>) {
        self.peer.claims(python)
    }

    /// How the connection has ended: kind, error code and phrase; None as long as it is open.
    #[getter]
    fn close_reason(&self) -> Option<CloseReason> {
        self.shared.exchange().report.close_reason.clone()
    }

    /// Bytes of UDP payload of a full datagram.
    #[getter]
    fn datagram_size(&self) -> u16 {
        self.shared.exchange().report.datagram_size
    }

    /// Whether a packet of the peer could be decrypted.
    #[getter]
    fn begun(&self) -> bool {
        true
    }

    /// Whether the closing or draining period is over.
    #[getter]
    fn terminated(&self) -> bool {
        self.shared.exchange().report.terminated
    }

    /// Whether the peer has ended its side of the stream, and all of it was taken.
    #[getter]
    fn finished(&self) -> bool {
        self.finished.load(Ordering::Relaxed)
    }

    /// Whether the peer has reset a side of the stream.
    #[getter]
    fn reset(&self) -> bool {
        self.shared.exchange().report.reset
    }

    /// Bytes of the stream that are not acknowledged, as whole pieces.
    #[getter]
    fn unacknowledged(&self) -> usize {
        self.shared.exchange().unacknowledged()
    }

    /// The key phase bit of what is sent.
    #[getter]
    fn key_phase(&self) -> u32 {
        self.peer.key_phase()
    }

    /// Milliseconds of silence after which the peer gives up; 0 if it does not.
    #[getter]
    fn peer_idle_timeout(&self) -> u64 {
        self.peer.record().idle_timeout
    }

    /// What was measured on the path.
    fn statistics(&self) -> Statistics {
        self.shared.exchange().report.statistics
    }

    /// Free everything; the connection cannot be used any more.
    fn free(&self) {
        self.forget_ids();
        self.shared.exchange().orders.free = true;
        self.attend();
    }
}

impl Drop for ThreadedConnection {
    fn drop(&mut self) {
        self.forget_ids();
        self.shared.exchange().orders.free = true;
        self.attend();
    }
}
