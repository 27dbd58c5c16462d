//! Reads and writes a socket in the event loop: the datagrams of known connections pass Python by.

use std::cell::RefCell;
use std::collections::HashMap;
use std::io::ErrorKind;
use std::net::{IpAddr, SocketAddr};
use std::sync::{Arc, Mutex};

use pyo3::prelude::*;
use quinn_udp::UdpSocketState;

use crate::connection::Connection;
use crate::datagrams::{Arrived, Unclaimed};
use crate::descriptors::Channel;
use crate::io_threads::{LARGEST_BATCH, Socket, lock};
use crate::state::{Datagrams, State};
use crate::table::{Owner, Table};

/// Segment batches of one system call.
const BATCHES: usize = 4;

thread_local! {
    /// Where the kernel writes to. It is empty between two calls, so that all sockets share one.
    static BUFFER: RefCell<Vec<u8>> = const { RefCell::new(Vec::new()) };
}

/// What is new: datagrams for Python, the owners of the connections that have received something,
/// and the number of an error that the network has reported.
type News = (Vec<Unclaimed>, Vec<PyObject>, Option<i32>);

/// A connection with what acts on it in Python, and the IDs by which its peer may address it.
struct Known {
    connection: Py<Connection>,
    owner: PyObject,
    ids: Vec<Vec<u8>>,
}

struct Connections {
    table: Table,
    by_number: HashMap<u64, Known>,
    next: u64,
}

/// The socket of a reader, while it has one.
#[derive(Clone, Default)]
pub struct Shared(Arc<Mutex<Option<Open>>>);

struct Open {
    socket: Socket,
    /// Whether the socket has several addresses, so that answers need the one that was asked.
    own_address: bool,
}

impl Shared {
    /// Send datagrams to `remote`; return those for other addresses, and what the kernel refuses.
    ///
    /// Python's attempt to send these meets the same error, or finds that it is over.
    pub fn send(
        &self,
        state: &mut State,
        batches: Vec<Datagrams>,
        (remote, own): (SocketAddr, Option<IpAddr>),
    ) -> Vec<Datagrams> {
        let open = lock(&self.0);
        let Some(Open { socket, .. }) = open.as_ref() else {
            return batches;
        };
        let mut left = Vec::new();
        for batch in batches {
            // In order: nothing behind what is left.
            if left.is_empty() && batch.address == remote && socket.send_at_once(&batch, own) {
                state.recycle(batch.parts);
            } else {
                left.push(batch);
            }
        }
        left
    }
}

/// Reads one socket, or one after the other.
#[pyclass(frozen)]
pub struct DatagramReader {
    socket: Shared,
    /// Locked for moments only: a connection that processes datagrams may issue IDs.
    connections: Mutex<Connections>,
}

/// The outcome of one system call.
#[derive(Default)]
struct Received {
    all: Vec<(Arrived, Option<Owner>)>,
    more: bool,
    error: Option<i32>,
}

impl DatagramReader {
    /// Receive with one system call.
    fn batches(&self) -> Received {
        let open = lock(&self.socket.0);
        let Some(Open { socket, own_address }) = open.as_ref() else {
            return Received::default();
        };
        BUFFER.with_borrow_mut(|buffer| {
            buffer.resize(BATCHES * LARGEST_BATCH, 0);
            let mut all = Vec::new();
            let received = socket.receive::<BATCHES>(buffer, |meta, data| {
                let parts = lock(&self.connections).table.parts(data, meta.stride);
                for (range, owner) in parts {
                    all.push((Arrived::new(&data[range], meta, *own_address), owner));
                }
            });
            match received {
                Ok(count) => Received { all, more: count == BATCHES, error: None },
                Err(error) if error.kind() == ErrorKind::WouldBlock => Received::default(),
                Err(error) => Received { error: error.raw_os_error(), ..Received::default() },
            }
        })
    }

    /// Return a connection and its owner.
    fn known(&self, python: Python<'_>, number: u64) -> Option<(Py<Connection>, PyObject)> {
        let connections = lock(&self.connections);
        let known = connections.by_number.get(&number)?;
        Some((known.connection.clone_ref(python), known.owner.clone_ref(python)))
    }
}

#[pymethods]
impl DatagramReader {
    /// Expect connection IDs of `id_size` bytes.
    #[new]
    #[pyo3(signature = (*, id_size))]
    fn new(id_size: usize) -> Self {
        let connections =
            Connections { table: Table::new(id_size), by_number: HashMap::new(), next: 0 };
        Self { socket: Shared::default(), connections: Mutex::new(connections) }
    }

    /// Read the socket that was sent on `channel` from now on.
    ///
    /// With `own_address` it is said which address datagrams were sent to.
    #[pyo3(signature = (channel, *, own_address))]
    fn open(&self, channel: &Channel, own_address: bool) -> PyResult<()> {
        let udp = channel.socket()?;
        let state = UdpSocketState::new((&udp).into())?;
        *lock(&self.socket.0) = Some(Open { socket: Socket { udp, state }, own_address });
        Ok(())
    }

    /// Read no more, until another socket is opened.
    fn close(&self) {
        *lock(&self.socket.0) = None;
    }

    /// Receive what has come, up to about `most` segment batches.
    fn receive(&self, python: Python<'_>, now: f64, most: usize) -> News {
        let (mut unclaimed, mut ready) = (Vec::new(), Vec::new());
        let mut given: Vec<u64> = Vec::new();
        let mut error = None;
        for _ in 0..most.div_ceil(BATCHES) {
            let received = python.allow_threads(|| self.batches());
            for (arrived, owner) in received.all {
                let known = owner.and_then(|owner| self.known(python, owner.connection));
                if let (Some(Owner { connection: number, .. }), Some((connection, owner))) =
                    (owner, known)
                {
                    let mut connection = connection.borrow_mut(python);
                    if connection.expects(arrived.remote, arrived.local) {
                        // Python learns of a failure when it takes what comes of this.
                        let _ = connection.give(python, arrived, now);
                        if !given.contains(&number) {
                            given.push(number);
                            ready.push(owner);
                        }
                        continue;
                    }
                }
                unclaimed.push(arrived.for_python(python));
            }
            error = received.error;
            if !received.more {
                break;
            }
        }
        (unclaimed, ready, error)
    }

    /// Give the datagrams of a connection to it, if they come from where it expects them, and send
    /// those that it makes for there.
    ///
    /// Its peer uses the `ids`. `receive` returns `owner` when it has received something. Return its
    /// number.
    fn adopt(
        &self,
        python: Python<'_>,
        connection: Py<Connection>,
        owner: PyObject,
        ids: Vec<Vec<u8>>,
    ) -> u64 {
        connection.borrow_mut(python).send_on(self.socket.clone());
        let mut connections = lock(&self.connections);
        let number = connections.next;
        connections.next += 1;
        for id in &ids {
            connections.table.add(id, Owner { thread: 0, connection: number });
        }
        connections.by_number.insert(number, Known { connection, owner, ids });
        number
    }

    /// Add an ID by which the peer of a connection may address it.
    fn add_id(&self, number: u64, id: Vec<u8>) {
        let connections = &mut *lock(&self.connections);
        if let Some(known) = connections.by_number.get_mut(&number) {
            connections.table.add(&id, Owner { thread: 0, connection: number });
            known.ids.push(id);
        }
    }

    /// Remove an ID that the peer of a connection does not use any more.
    fn remove_id(&self, number: u64, id: Vec<u8>) {
        let connections = &mut *lock(&self.connections);
        if let Some(known) = connections.by_number.get_mut(&number) {
            known.ids.retain(|each| *each != id);
            connections.table.remove(&id);
        }
    }

    /// Forget a connection that has ended.
    fn forget(&self, number: u64) {
        let known = {
            let connections = &mut *lock(&self.connections);
            let known = connections.by_number.remove(&number);
            for id in known.iter().flat_map(|known| &known.ids) {
                connections.table.remove(id);
            }
            known
        };
        // Not with the lock: it may free what Python has.
        drop(known);
    }
}
