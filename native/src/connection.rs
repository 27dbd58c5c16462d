//! One QUIC connection with one stream, as Python sees it.

use std::net::{IpAddr, SocketAddr, SocketAddrV6};
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;
use std::time::{Duration, Instant};

use bytes::{Bytes, BytesMut};
use pyo3::buffer::PyBuffer;
use pyo3::exceptions::{PyRuntimeError, PyValueError};
use pyo3::intern;
use pyo3::prelude::*;
use pyo3::pybacked::PyBackedBytes;
use pyo3::types::{PyByteArray, PyBytes, PyMemoryView};
use quinn_proto::{
    ConnectionError, ConnectionHandle, DatagramEvent, Dir, EcnCodepoint, Endpoint, EndpointConfig,
    Event, ReadError, ReadableError, StreamEvent, StreamId, Transmit, TransportErrorCode, VarInt,
    WriteError,
};

use crate::callbacks::Callbacks;
use crate::config::{ClientConfig, Settings};
use crate::framer::{Framer, Piece};
use crate::ids::{IdSource, NoTokens, ResetTokens};
use crate::peer::{Judge, Peer};
use crate::send_queue::SendQueue;
use crate::session::{ClientTls, Negotiated, ServerTls};
use crate::tickets::Ticket;

/// Addresses of the peer that are known at once. Packets from others change nothing before they are
/// authenticated.
const MAX_ADDRESSES: usize = 8;
/// Bytes that quinn is given beyond what the path carries, so that it always has something to send.
const AHEAD: usize = 64 << 10;
/// Datagrams and bytes of one segment batch: a little less than the kernel's limits.
const MAX_SEGMENTS: usize = 60;
const MAX_SEGMENTED: usize = 64_000;
/// Buffers that are kept to be used again, of one call to quinn each.
const MOST_SPARE: usize = 8;
/// Bytes that are made in one call, so that nothing else waits for long.
const MAX_BURST: usize = 2 << 20;
/// quinn's timers have whole nanoseconds, Python's time has not: a call must not be early.
const ROUNDING: f64 = 1e-6;

/// Datagrams of one size, of which the last may be shorter: bytes, size, address, ECN bits.
type SegmentBatch = (PyObject, usize, usize, u8);
/// How the connection has ended: kind, error code, reason phrase.
type CloseReason = (&'static str, u64, String);
/// What was negotiated: ALPN, cipher suite, group, resumed, certificates, server name.
type Security = (String, String, String, bool, Vec<Py<PyBytes>>, String);
/// Round trip in seconds, datagram size, lost packets, congestion window.
type Statistics = (Option<f64>, u16, u64, u64);
/// Pieces of the stream, and how many bytes were read for them.
type Read = (Vec<PyObject>, usize);

/// The state of a connection, as far as Python acts on its changes.
#[derive(Clone, Copy, Default, PartialEq, Eq)]
struct Status {
    confirmed: bool,
    finished: bool,
    reset: bool,
    lost: bool,
    datagram_size: u16,
}

struct Datagrams {
    parts: Vec<Vec<u8>>,
    size: usize,
    segment: usize,
    address: SocketAddr,
    ecn: u8,
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
struct State {
    endpoint: Endpoint,
    connection: Option<(ConnectionHandle, quinn_proto::Connection)>,
    peer: Arc<Peer>,
    window: u64,
    is_client: bool,
    /// The settings of a client that has not begun.
    client: Option<quinn_proto::ClientConfig>,
    stream: Option<StreamId>,
    framer: Framer,
    queue: SendQueue,
    responses: Vec<Datagrams>,
    addresses: Vec<SocketAddr>,
    last_address: usize,
    next_address: usize,
    connected: bool,
    begun: bool,
    finished: bool,
    reset: bool,
    more: bool,
    lost: Option<ConnectionError>,
    /// What Python has seen.
    status: Status,
    /// Whether much was sent the last time.
    bulk: bool,
    /// Memory for datagrams, which is used again.
    spare: Vec<Vec<u8>>,
}

impl State {
    fn receive(&mut self, data: &[u8], size: usize, address: usize, ecn: u8, now: Instant) {
        let Some(remote) = self.addresses.get(address).copied() else {
            return;
        };
        self.last_address = address;
        let ecn = EcnCodepoint::from_bits(ecn);
        // One copy of all datagrams, of which each is a part: quinn decrypts it in place.
        let mut rest = BytesMut::from(data);
        while !rest.is_empty() {
            let datagram = rest.split_to(size.min(rest.len()));
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
    fn advance(&mut self) {
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

    fn datagrams(&mut self, now: Instant) -> Vec<Datagrams> {
        let mut batches = std::mem::take(&mut self.responses);
        self.more = false;
        let mut made = 0;
        loop {
            self.feed();
            let Some((_, connection)) = &mut self.connection else {
                break;
            };
            // A segment batch of the kernel's size: the rest would be another system call.
            let most = MAX_SEGMENTED / usize::from(connection.current_mtu());
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
            if made >= MAX_BURST {
                self.more = true;
                break;
            }
        }
        self.bulk = made >= MAX_SEGMENTED;
        if !self.bulk {
            self.spare = Vec::new();
        }
        self.advance();
        batches
    }

    /// Return the number by which Python knows an address.
    fn number_of(&self, address: SocketAddr) -> usize {
        if self.addresses.get(self.last_address) == Some(&address) {
            return self.last_address;
        }
        self.addresses.iter().position(|each| *each == address).unwrap_or(0)
    }

    /// Use the memory of datagrams again, but keep no more than one flush mostly needs, and none
    /// for a connection that sends little.
    fn recycle(&mut self, parts: Vec<Vec<u8>>) {
        for mut part in parts {
            if self.bulk && self.spare.len() < MOST_SPARE {
                part.clear();
                self.spare.push(part);
            }
        }
    }

    /// Return what has arrived in order and can be passed on, and how many bytes were read for it.
    fn read(&mut self, most: usize, largest: usize) -> (Vec<Piece>, usize) {
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

    fn close_reason(&self) -> Option<CloseReason> {
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

    /// Bytes of the stream that were not sent, as far as they exceed the congestion window.
    fn unsent(&self) -> usize {
        let window = self.connection.as_ref().map_or(0, |(_, connection)| {
            usize::try_from(connection.congestion_state().window()).unwrap_or(usize::MAX)
        });
        self.queue.unsent() + self.queue.given().saturating_sub(window)
    }

    /// Return whether anything of the status has changed since the last call.
    fn changed(&mut self) -> bool {
        let status = Status {
            confirmed: self.status.confirmed || self.confirmed(),
            finished: self.finished,
            reset: self.reset,
            lost: self.lost.is_some(),
            datagram_size: self.datagram_size(),
        };
        std::mem::replace(&mut self.status, status) != status
    }

    /// Bytes of UDP payload of a full datagram; 0 before the first packet of a client.
    fn datagram_size(&self) -> u16 {
        self.connection.as_ref().map_or(0, |(_, connection)| connection.current_mtu())
    }

    /// Whether the handshake is complete at both ends.
    fn confirmed(&self) -> bool {
        // A client's is before the server has verified its certificate. If the server has asked
        // for one, HANDSHAKE_DONE says that it was accepted ([RFC9001] 4.1.2).
        let asked = self.is_client && self.peer.record().certificate_requested;
        let done = self
            .connection
            .as_ref()
            .is_some_and(|(_, connection)| connection.stats().frame_rx.handshake_done > 0);
        self.connected && (!asked || done)
    }
}

/// One QUIC connection.
#[pyclass]
pub struct Connection {
    state: Option<State>,
    /// The first time that Python has told, here and there: both clocks count the same seconds.
    base: Option<(Instant, f64)>,
}

impl Connection {
    fn instant(&mut self, now: f64) -> Instant {
        let (base, base_now) = *self.base.get_or_insert_with(|| (Instant::now(), now));
        base + Duration::try_from_secs_f64(now - base_now).unwrap_or_default()
    }

    /// Run `work` without the interpreter lock. A panic, and an ended connection, are errors.
    fn run<T: Send>(
        &mut self,
        python: Python<'_>,
        work: impl FnOnce(&mut State) -> T + Send,
    ) -> PyResult<T> {
        let ended = || PyRuntimeError::new_err("the connection has ended");
        let state = self.state.as_mut().ok_or_else(ended)?;
        python.allow_threads(|| catch_unwind(AssertUnwindSafe(|| work(state)))).map_err(|_| {
            // Nobody knows what the panic has left of the state, so it is not used any more.
            self.state = None;
            PyRuntimeError::new_err("the QUIC library has panicked")
        })
    }

    fn make(state: State) -> Self {
        Self { state: Some(state), base: None }
    }
}

fn state_of(endpoint: Endpoint, peer: Arc<Peer>, settings: &Settings, is_client: bool) -> State {
    State {
        endpoint,
        connection: None,
        peer,
        window: settings.window,
        is_client,
        client: None,
        stream: None,
        framer: Framer::default(),
        queue: SendQueue::default(),
        responses: Vec::new(),
        addresses: Vec::new(),
        last_address: 0,
        next_address: 0,
        connected: false,
        begun: false,
        finished: false,
        reset: false,
        more: false,
        lost: None,
        status: Status::default(),
        bulk: false,
        spare: Vec::new(),
    }
}

fn endpoint_config(callbacks: &Arc<Callbacks>, id_size: usize) -> Arc<EndpointConfig> {
    let mut config = EndpointConfig::new(Arc::new(ResetTokens(callbacks.clone())));
    let source = callbacks.clone();
    config
        .cid_generator(move || Box::new(IdSource { callbacks: source.clone(), size: id_size }))
        .supported_versions(vec![1])
        // Load balancers tell QUIC by this bit.
        .grease_quic_bit(false);
    config.max_udp_payload_size(u16::MAX - 8).expect("it is at least 1200");
    Arc::new(config)
}

fn socket_address(host: &str, port: u16, scope: u32) -> PyResult<SocketAddr> {
    // A link-local address has the name of its interface behind it.
    let host = host.split('%').next().unwrap_or_default();
    let ip: IpAddr = host.parse().map_err(|_| PyValueError::new_err("it is no IP address"))?;
    Ok(match ip {
        IpAddr::V6(ip) => SocketAddr::V6(SocketAddrV6::new(ip, port, 0, scope)),
        IpAddr::V4(_) => SocketAddr::new(ip, port),
    })
}

/// Return chunks as `bytes`, in a single copy.
fn joined(python: Python<'_>, chunks: &[Bytes]) -> PyResult<Py<PyBytes>> {
    if let [only] = chunks {
        return Ok(PyBytes::new_bound(python, only).unbind());
    }
    let size = chunks.iter().map(Bytes::len).sum();
    let whole = PyBytes::new_bound_with(python, size, |whole| {
        let mut rest = whole;
        for chunk in chunks {
            let (part, after) = rest.split_at_mut(chunk.len());
            part.copy_from_slice(chunk);
            rest = after;
        }
        Ok(())
    })?;
    Ok(whole.unbind())
}

/// Return pieces of the stream as Python has them.
fn objects(python: Python<'_>, pieces: &[Piece]) -> PyResult<Vec<PyObject>> {
    pieces
        .iter()
        .map(|piece| {
            Ok(if piece.whole {
                filled(python, &piece.chunks, piece.size)?.into_any()
            } else {
                joined(python, &piece.chunks)?.into_any()
            })
        })
        .collect()
}

/// Return chunks of `size` bytes together as a `bytearray`, in a single copy.
fn filled(
    python: Python<'_>,
    chunks: &[impl AsRef<[u8]>],
    size: usize,
) -> PyResult<Py<PyByteArray>> {
    let whole = PyByteArray::new_bound(python, &[]);
    // Its memory is not zeroed first, as that of `new_bound_with` is.
    whole.resize(size)?;
    let view: PyBuffer<u8> = PyBuffer::get_bound(&whole)?;
    let mut rest = view.as_mut_slice(python).expect("a bytearray can be written to");
    for chunk in chunks {
        let (part, after) = rest.split_at(chunk.as_ref().len());
        for (to, from) in part.iter().zip(chunk.as_ref()) {
            to.set(*from);
        }
        rest = after;
    }
    drop(view);
    Ok(whole.unbind())
}

/// Return bytes that do not change any more, uncopied where Python guarantees that.
fn frozen(buffer: &Bound<'_, PyAny>) -> PyResult<Bytes> {
    if let Ok(bytes) = buffer.downcast::<PyBytes>() {
        return Ok(Bytes::from_owner(PyBackedBytes::from(bytes.clone())));
    }
    let python = buffer.py();
    let view: PyBuffer<u8> = PyBuffer::get_bound(buffer)?;
    if buffer.is_instance_of::<PyMemoryView>() && view.is_c_contiguous() {
        // What a client stores is mostly a view of the bytes that it has read from a file.
        if let Ok(bytes) = buffer.getattr(intern!(python, "obj"))?.downcast_into::<PyBytes>() {
            let (first, count) = (bytes.as_bytes().as_ptr() as usize, view.len_bytes());
            let start = (view.buf_ptr() as usize).saturating_sub(first);
            let all = Bytes::from_owner(PyBackedBytes::from(bytes));
            return Ok(if count > 0 { all.slice(start..start + count) } else { Bytes::new() });
        }
    }
    Ok(Bytes::from(view.to_vec(python)?))
}

#[pymethods]
impl Connection {
    /// Prepare a client, which may resume the session of a ticket.
    #[staticmethod]
    #[pyo3(signature = (config, settings, answers, ticket))]
    fn client(
        config: &ClientConfig,
        settings: &Settings,
        answers: PyObject,
        ticket: Option<&Ticket>,
    ) -> Self {
        let callbacks = Arc::new(Callbacks::new(answers));
        let peer = Arc::new(Peer::new(
            callbacks.clone(),
            config.judge.clone(),
            config.identity.clone(),
            ticket.and_then(Ticket::take),
        ));
        let settings_of_all = endpoint_config(&callbacks, settings.id_size);
        let endpoint = Endpoint::new(settings_of_all, None, true, None);
        let mut quic = quinn_proto::ClientConfig::new(Arc::new(ClientTls {
            tls: config.tls.clone(),
            peer: peer.clone(),
        }));
        quic.transport_config(settings.transport.clone());
        let mut state = state_of(endpoint, peer, settings, true);
        state.client = Some(quic);
        Self::make(state)
    }

    /// Begin the handshake as a client, with the server at address 0.
    fn connect(&mut self, server_name: &str, now: f64) -> PyResult<()> {
        let begin = self.instant(now);
        let Some(state) = &mut self.state else {
            return Ok(());
        };
        let invalid = |error: &dyn ToString| PyValueError::new_err(error.to_string());
        let config = state.client.take().ok_or_else(|| invalid(&"it has begun already"))?;
        let address = state.addresses.first().ok_or_else(|| invalid(&"there is no address"))?;
        let connection = state
            .endpoint
            .connect(begin, config, *address, server_name)
            .map_err(|error| invalid(&error))?;
        state.connection = Some(connection);
        Ok(())
    }

    /// Wait for a connection as a server.
    ///
    /// `retry` is the connection ID that the client used first, and that of its Retry packet.
    #[staticmethod]
    #[pyo3(signature = (settings, answers, retry))]
    fn server(settings: &Settings, answers: PyObject, retry: Option<(Vec<u8>, Vec<u8>)>) -> Self {
        let callbacks = Arc::new(Callbacks::new(answers));
        let peer = Arc::new(Peer::new(callbacks.clone(), Judge::Callback, None, None));
        let tls = Arc::new(ServerTls { peer: peer.clone(), retry });
        let mut quic = quinn_proto::ServerConfig::new(tls, Arc::new(NoTokens));
        quic.transport_config(settings.transport.clone());
        let endpoint = Endpoint::new(
            endpoint_config(&callbacks, settings.id_size),
            Some(Arc::new(quic)),
            true,
            None,
        );
        Self::make(state_of(endpoint, peer, settings, false))
    }

    /// Return the number of a new address of the peer, which may be that of one not used any more.
    fn add_address(&mut self, host: &str, port: u16, scope: u32) -> PyResult<usize> {
        let address = socket_address(host, port, scope)?;
        let Some(state) = &mut self.state else {
            return Ok(0);
        };
        if state.addresses.len() < MAX_ADDRESSES {
            state.addresses.push(address);
            return Ok(state.addresses.len() - 1);
        }
        // The one that datagrams are sent to stays: anybody can send from as many as he likes.
        let used = state.connection.as_ref().map(|(_, connection)| connection.remote_address());
        state.next_address = (state.next_address + 1) % MAX_ADDRESSES;
        if used == Some(state.addresses[state.next_address]) {
            state.next_address = (state.next_address + 1) % MAX_ADDRESSES;
        }
        state.addresses[state.next_address] = address;
        Ok(state.next_address)
    }

    /// Process datagrams of `size` bytes, of which the last may be shorter.
    ///
    /// Return what `read` returns then for `room` and `largest`, and whether anything else has
    /// changed: the handshake is complete, the connection or the stream has ended, or full
    /// datagrams have another size.
    #[allow(clippy::too_many_arguments)]
    fn receive(
        &mut self,
        python: Python<'_>,
        data: PyBackedBytes,
        size: usize,
        address: usize,
        now: f64,
        ecn: u8,
        room: usize,
        largest: usize,
    ) -> PyResult<(Read, bool)> {
        let now = self.instant(now);
        let ((pieces, count), changed) = self.run(python, |state| {
            state.receive(&data, size.max(1), address, ecn, now);
            (state.read(room, largest), state.changed())
        })?;
        Ok(((objects(python, &pieces)?, count), changed))
    }

    /// Read up to `room` bytes of the stream; return whole messages, and how many bytes were read.
    ///
    /// A large message is a `bytearray`, several small ones are `bytes`. Where there are no messages
    /// of up to `largest` bytes, it is what has arrived, from then on. Return also whether anything
    /// else has changed, as `receive` does.
    fn read(&mut self, python: Python<'_>, room: usize, largest: usize) -> PyResult<(Read, bool)> {
        let ((pieces, count), changed) =
            self.run(python, |state| (state.read(room, largest), state.changed()))?;
        Ok(((objects(python, &pieces)?, count), changed))
    }

    /// Bytes of a message that were read and of which the rest is awaited.
    #[getter]
    fn partial(&self) -> usize {
        self.state.as_ref().map_or(0, |state| state.framer.partial())
    }

    /// Send on the stream; return how many bytes of it are unsent then.
    fn write(&mut self, buffer: &Bound<'_, PyAny>) -> PyResult<usize> {
        let data = frozen(buffer)?;
        let Some(state) = &mut self.state else {
            return Ok(0);
        };
        state.queue.add(data);
        Ok(state.unsent())
    }

    /// Return the datagrams that are to be sent now, how many bytes of the stream are unsent then,
    /// and whether anything else has changed, as `receive` does.
    fn datagrams(
        &mut self,
        python: Python<'_>,
        now: f64,
    ) -> PyResult<(Vec<SegmentBatch>, usize, bool)> {
        let now = self.instant(now);
        let (batches, changed) =
            self.run(python, |state| (state.datagrams(now), state.changed()))?;
        let Some(state) = &mut self.state else {
            return Ok((Vec::new(), 0, changed));
        };
        let batches = batches
            .into_iter()
            .map(|batch| {
                let address = state.number_of(batch.address);
                let content = match &batch.parts[..] {
                    [only] => PyBytes::new_bound(python, only).into_any().unbind(),
                    parts => filled(python, parts, batch.size)?.into_any(),
                };
                state.recycle(batch.parts);
                Ok((content, batch.segment, address, batch.ecn))
            })
            .collect::<PyResult<_>>()?;
        Ok((batches, state.unsent(), changed))
    }

    /// Return when `tick` has to be called, if nothing else happens before.
    fn timer(&mut self) -> Option<f64> {
        let (base, base_now) = self.base?;
        let state = self.state.as_mut()?;
        if state.more {
            return Some(base_now);
        }
        let (_, connection) = state.connection.as_mut()?;
        let due = connection.poll_timeout()?;
        Some(base_now + due.saturating_duration_since(base).as_secs_f64() + ROUNDING)
    }

    /// Act on the timer; return whether anything has changed, as `receive` does.
    fn tick(&mut self, python: Python<'_>, now: f64) -> PyResult<bool> {
        let now = self.instant(now);
        self.run(python, |state| {
            if let Some((_, connection)) = &mut state.connection {
                connection.handle_timeout(now);
            }
            state.advance();
            state.changed()
        })
    }

    /// Let the peer send more on all streams: `window` bytes ahead.
    fn set_receive_window(&mut self) {
        if let Some(state) = &mut self.state {
            let window = VarInt::from_u64(state.window).unwrap_or(VarInt::MAX);
            if let Some((_, connection)) = &mut state.connection {
                connection.set_receive_window(window);
            }
        }
    }

    /// Send a PING.
    fn ping(&mut self) {
        if let Some((_, connection)) = self.state.as_mut().and_then(|each| each.connection.as_mut())
        {
            connection.ping();
        }
    }

    /// Close the connection: only `CONNECTION_CLOSE` is left to be sent.
    fn close(&mut self, python: Python<'_>, code: u64, reason: &str, now: f64) -> PyResult<()> {
        let now = self.instant(now);
        let code =
            VarInt::from_u64(code).map_err(|error| PyValueError::new_err(error.to_string()))?;
        let reason = Bytes::copy_from_slice(reason.as_bytes());
        self.run(python, |state| {
            if let Some((_, connection)) = &mut state.connection {
                connection.close(now, code, reason);
            }
            state.queue.clear();
            state.advance();
        })
    }

    /// Derive new keys for what is sent from now on ([RFC9001] 6).
    fn update_keys(&mut self) {
        if let Some((_, connection)) = self.state.as_mut().and_then(|each| each.connection.as_mut())
        {
            connection.initiate_key_update();
        }
    }

    /// What was negotiated, once the handshake is complete at both ends.
    #[getter]
    fn security(&self, python: Python<'_>) -> Option<Security> {
        let state = self.state.as_ref().filter(|state| state.confirmed())?;
        let (_, connection) = state.connection.as_ref()?;
        let data = connection.crypto_session().handshake_data()?;
        let negotiated = data.downcast::<Negotiated>().ok()?;
        let record = state.peer.record();
        let certificates = negotiated
            .certificates
            .iter()
            .map(|each| PyBytes::new_bound(python, each).unbind())
            .collect();
        Some((
            String::from_utf8_lossy(&negotiated.alpn).into_owned(),
            negotiated.cipher,
            negotiated.group,
            negotiated.resumed,
            certificates,
            record.server_name.clone(),
        ))
    }

    /// The server name that a client has asked for, and the certificates that it has shown.
    #[getter]
    fn claims(&self, python: Python<'_>) -> (String, Vec<Py<PyBytes>>) {
        let Some(state) = &self.state else {
            return Default::default();
        };
        let record = state.peer.record();
        let certificates = record
            .certificates
            .iter()
            .map(|each| PyBytes::new_bound(python, each).unbind())
            .collect();
        (record.server_name.clone(), certificates)
    }

    /// How the connection has ended: kind, error code and phrase; None as long as it is open.
    #[getter]
    fn close_reason(&self) -> Option<CloseReason> {
        self.state.as_ref()?.close_reason()
    }

    /// Bytes of UDP payload of a full datagram; 0 before the first packet of a client.
    #[getter]
    fn datagram_size(&self) -> u16 {
        self.state.as_ref().map_or(0, State::datagram_size)
    }

    /// Whether the handshake is complete at this end.
    #[getter]
    fn connected(&self) -> bool {
        self.state.as_ref().is_some_and(|state| state.connected)
    }

    /// Whether a packet of the peer could be decrypted.
    #[getter]
    fn begun(&self) -> bool {
        self.state.as_ref().is_some_and(|state| state.begun)
    }

    /// Whether the closing or draining period is over.
    #[getter]
    fn terminated(&self) -> bool {
        self.state.as_ref().is_none_or(|state| match &state.connection {
            Some((_, connection)) => connection.is_drained(),
            None => state.lost.is_some() && state.responses.is_empty(),
        })
    }

    /// Whether the peer has ended its side of the stream.
    #[getter]
    fn finished(&self) -> bool {
        self.state.as_ref().is_some_and(|state| state.finished)
    }

    /// Whether the peer has reset a side of the stream.
    #[getter]
    fn reset(&self) -> bool {
        self.state.as_ref().is_some_and(|state| state.reset)
    }

    /// Bytes of the stream that are not acknowledged, as whole pieces.
    #[getter]
    fn unacknowledged(&self) -> usize {
        self.state.as_ref().map_or(0, |state| state.queue.unsent() + state.queue.given())
    }

    /// The key phase bit of what is sent.
    #[getter]
    fn key_phase(&self) -> u32 {
        // The first of the later keys are derived together with the first ones.
        self.state
            .as_ref()
            .map_or(0, |state| state.peer.record().derived_keys.saturating_sub(1) % 2)
    }

    /// Milliseconds of silence after which the peer gives up; 0 if it does not.
    #[getter]
    fn peer_idle_timeout(&self) -> u64 {
        self.state.as_ref().map_or(0, |state| state.peer.record().idle_timeout)
    }

    /// What was measured on the path.
    fn statistics(&self) -> Statistics {
        let Some((_, connection)) = self.state.as_ref().and_then(|each| each.connection.as_ref())
        else {
            return (None, 0, 0, 0);
        };
        let measured = connection.stats();
        // Before the first acknowledgement the round trip is only assumed.
        let round_trip = (measured.frame_rx.acks > 0).then_some(measured.path.rtt.as_secs_f64());
        (round_trip, measured.path.current_mtu, measured.path.lost_packets, measured.path.cwnd)
    }

    /// Free everything; the connection cannot be used any more.
    fn free(&mut self) {
        self.state = None;
    }
}
