//! One QUIC connection with one stream, as Python sees it.

#[cfg(target_os = "linux")]
use std::net::IpAddr;
use std::net::SocketAddr;
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
use quinn_proto::{Endpoint, EndpointConfig, VarInt};

use crate::addresses;
use crate::callbacks::Callbacks;
use crate::config::{ClientConfig, Settings};
#[cfg(target_os = "linux")]
use crate::datagrams::Arrived;
use crate::framer::Piece;
use crate::ids::{IdSource, NoTokens, ResetTokens};
use crate::peer::{Judge, Peer};
#[cfg(target_os = "linux")]
use crate::reader;
use crate::session::{ClientTls, Negotiated, ServerTls};
use crate::state::{CloseReason, MAX_BURST, State, Statistics};
use crate::tickets::Ticket;

/// quinn's timers have whole nanoseconds, Python's time has not: a call must not be early.
const ROUNDING: f64 = 1e-6;

/// Datagrams of one size, of which the last may be shorter: bytes, size, address, ECN bits.
type SegmentBatch = (PyObject, usize, usize, u8);
/// What was negotiated: ALPN, cipher suite, group, resumed, certificates, server name.
type Security = (String, String, String, bool, Vec<Py<PyBytes>>, String);
/// Pieces of the stream, and how many bytes were read for them.
type Read = (Vec<PyObject>, usize);

/// How datagrams come and go without Python.
#[cfg(target_os = "linux")]
#[derive(Default)]
struct Direct {
    /// Where they come from, and the address of this end that they are for if the socket has several.
    path: Option<(SocketAddr, Option<IpAddr>)>,
    /// Bytes that were given since `take`, and how many datagrams.
    arrived: (usize, usize),
    /// What sends there.
    socket: Option<reader::Shared>,
}

/// One QUIC connection.
#[pyclass]
pub struct Connection {
    pub state: Option<State>,
    #[cfg(target_os = "linux")]
    direct: Direct,
    /// The settings of a client that has not begun.
    client: Option<quinn_proto::ClientConfig>,
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
        Self {
            state: Some(state),
            #[cfg(target_os = "linux")]
            direct: Direct::default(),
            client: None,
            base: None,
        }
    }
}

#[cfg(target_os = "linux")]
impl Connection {
    /// Whether datagrams with these addresses need nothing of Python.
    pub fn expects(&self, remote: SocketAddr, own: Option<IpAddr>) -> bool {
        self.direct.path == Some((remote, own))
    }

    /// Send on the socket of a reader to where it `expects` datagrams from.
    pub fn send_on(&mut self, socket: reader::Shared) {
        self.direct.socket = Some(socket);
    }

    /// Process datagrams that a reader has for it; Python takes what comes of them with `take`.
    pub fn give(&mut self, python: Python<'_>, arrived: Arrived, now: f64) -> PyResult<()> {
        let now = self.instant(now);
        let Arrived { data, size, remote, ecn, .. } = arrived;
        self.direct.arrived.0 += data.len();
        self.direct.arrived.1 += data.len().div_ceil(size);
        self.run(python, |state| state.receive(data, size, remote, ecn, now))
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

pub fn socket_address(host: &str, port: u16, scope: u32) -> PyResult<SocketAddr> {
    addresses::parse(host, port, scope).ok_or_else(|| PyValueError::new_err("it is no IP address"))
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
pub fn objects(python: Python<'_>, pieces: &[Piece]) -> PyResult<Vec<PyObject>> {
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
pub fn frozen(buffer: &Bound<'_, PyAny>) -> PyResult<Bytes> {
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
        let state = State::new(endpoint, peer, settings, true);
        Self { client: Some(quic), ..Self::make(state) }
    }

    /// Begin the handshake as a client, with the server at address 0.
    fn connect(&mut self, server_name: &str, now: f64) -> PyResult<()> {
        let begin = self.instant(now);
        let Some(state) = &mut self.state else {
            return Ok(());
        };
        let invalid = |error: &dyn ToString| PyValueError::new_err(error.to_string());
        let config = self.client.take().ok_or_else(|| invalid(&"it has begun already"))?;
        let address = state.addresses.first().ok_or_else(|| invalid(&"there is no address"))?;
        let connection = state
            .endpoint
            .connect(begin, config, address, server_name)
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
        Self::make(State::new(endpoint, peer, settings, false))
    }

    /// Return the number of a new address of the peer, which may be that of one not used any more.
    fn add_address(&mut self, host: &str, port: u16, scope: u32) -> PyResult<usize> {
        let address = socket_address(host, port, scope)?;
        let Some(state) = &mut self.state else {
            return Ok(0);
        };
        let used = state.connection.as_ref().map(|(_, connection)| connection.remote_address());
        Ok(state.addresses.add(address, used))
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
            if let Some(remote) = state.addresses.received_from(address) {
                state.receive(BytesMut::from(&data[..]), size.max(1), remote, ecn, now);
            }
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

    /// Expect datagrams of the address with a number, which were sent to `own` if that matters.
    ///
    /// A reader gives them to the connection, and all others to Python.
    #[cfg(target_os = "linux")]
    #[pyo3(signature = (address, own))]
    fn expect(&mut self, address: usize, own: Option<IpAddr>) {
        let remote = self.state.as_mut().and_then(|state| state.addresses.received_from(address));
        self.direct.path = remote.map(|remote| (remote, own));
    }

    /// Return what `receive` returns, for the datagrams that a reader has given to it; and their
    /// bytes, and how many they were.
    #[cfg(target_os = "linux")]
    fn take(
        &mut self,
        python: Python<'_>,
        room: usize,
        largest: usize,
    ) -> PyResult<(Read, bool, (usize, usize))> {
        let (read, changed) = self.read(python, room, largest)?;
        Ok((read, changed, std::mem::take(&mut self.direct.arrived)))
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

    /// Return the datagrams that are to be sent now and that no reader sends, how many bytes of the
    /// stream are unsent then, and whether anything else has changed, as `receive` does.
    fn datagrams(
        &mut self,
        python: Python<'_>,
        now: f64,
    ) -> PyResult<(Vec<SegmentBatch>, usize, bool)> {
        let now = self.instant(now);
        #[cfg(target_os = "linux")]
        let direct = self.direct.socket.clone().zip(self.direct.path);
        let (batches, changed) = self.run(python, |state| {
            let batches = state.datagrams(now, MAX_BURST);
            #[cfg(target_os = "linux")]
            let batches = match direct {
                // Python keeps what it sends at the end of a connection, to repeat it.
                Some((socket, path)) if !state.ended() => socket.send(state, batches, path),
                _ => batches,
            };
            (batches, state.changed())
        })?;
        let Some(state) = &mut self.state else {
            return Ok((Vec::new(), 0, changed));
        };
        let batches = batches
            .into_iter()
            .map(|batch| {
                let address = state.addresses.number_of(batch.address);
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
        let due = state.timeout()?;
        Some(base_now + due.saturating_duration_since(base).as_secs_f64() + ROUNDING)
    }

    /// Act on the timer; return whether anything has changed, as `receive` does.
    fn tick(&mut self, python: Python<'_>, now: f64) -> PyResult<bool> {
        let now = self.instant(now);
        self.run(python, |state| {
            state.handle_timeout(now);
            state.changed()
        })
    }

    /// Let the peer send more on all streams: `window` bytes ahead.
    fn set_receive_window(&mut self) {
        if let Some(state) = &mut self.state {
            state.open_receive_window();
        }
    }

    /// Send a PING.
    fn ping(&mut self) {
        if let Some(state) = &mut self.state {
            state.ping();
        }
    }

    /// Close the connection: only `CONNECTION_CLOSE` is left to be sent.
    fn close(&mut self, python: Python<'_>, code: u64, reason: &str, now: f64) -> PyResult<()> {
        let now = self.instant(now);
        let code =
            VarInt::from_u64(code).map_err(|error| PyValueError::new_err(error.to_string()))?;
        let reason = Bytes::copy_from_slice(reason.as_bytes());
        self.run(python, |state| state.close(code, reason, now))
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
        self.state.as_ref().map(|state| state.peer.claims(python)).unwrap_or_default()
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
        self.state.as_ref().is_none_or(State::terminated)
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
        self.state.as_ref().map_or(0, State::unacknowledged)
    }

    /// The key phase bit of what is sent.
    #[getter]
    fn key_phase(&self) -> u32 {
        self.state.as_ref().map_or(0, |state| state.peer.key_phase())
    }

    /// Milliseconds of silence after which the peer gives up; 0 if it does not.
    #[getter]
    fn peer_idle_timeout(&self) -> u64 {
        self.state.as_ref().map_or(0, |state| state.peer.record().idle_timeout)
    }

    /// What was measured on the path.
    fn statistics(&self) -> Statistics {
        self.state.as_ref().map_or_else(Statistics::default, State::statistics)
    }

    /// Free everything; the connection cannot be used any more.
    fn free(&mut self) {
        self.state = None;
    }
}
