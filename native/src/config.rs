//! The settings of both ends, as Python gives them.

use std::sync::Arc;
use std::time::Duration;

use pyo3::exceptions::PyValueError;
use pyo3::prelude::*;
use quinn_proto::congestion::{BbrConfig, ControllerFactory, NewRenoConfig};
use quinn_proto::{IdleTimeout, MtuDiscoveryConfig, TransportConfig, VarInt};
use rustls::RootCertStore;
use rustls::client::{Resumption, WebPkiServerVerifier};
use rustls::crypto::CryptoProvider;
use rustls::quic::Suite;
use rustls::server::{NoServerSessionStorage, ProducesTickets};
use rustls::sign::{CertifiedKey, SingleCertAndKey};
use rustls_pki_types::pem::PemObject;
use rustls_pki_types::{CertificateDer, PrivateKeyDer};

use crate::peer::Judge;
use crate::slow_start::{HybridCubicConfig, initial_window};
use crate::tickets::Tickets;
use crate::verifier::{SHARED, provider};

/// Time until larger datagrams are tried again on a path that seemed to carry only small ones.
const LARGER_AGAIN: Duration = Duration::from_secs(1);

fn invalid(error: impl ToString) -> PyErr {
    PyValueError::new_err(error.to_string())
}

/// Writes the TLS secrets of all connections to a Python function, for debugging.
struct SecretsLog(PyObject);

impl std::fmt::Debug for SecretsLog {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        formatter.write_str("SecretsLog")
    }
}

impl rustls::KeyLog for SecretsLog {
    fn log(&self, label: &str, client_random: &[u8], secret: &[u8]) {
        let hexadecimal =
            |bytes: &[u8]| -> String { bytes.iter().map(|byte| format!("{byte:02x}")).collect() };
        let line = format!("{label} {} {}\n", hexadecimal(client_random), hexadecimal(secret));
        Python::with_gil(|python| {
            if let Err(error) = self.0.call1(python, (line,)) {
                error.write_unraisable_bound(python, None);
            }
        });
    }
}

fn key_log(write: Option<PyObject>) -> Arc<dyn rustls::KeyLog> {
    match write {
        Some(write) => Arc::new(SecretsLog(write)),
        None => Arc::new(rustls::NoKeyLog {}),
    }
}

/// Return the suite of Initial packets ([RFC9001] 5.2).
pub fn initial_suite() -> Suite {
    rustls::crypto::ring::cipher_suite::TLS13_AES_128_GCM_SHA256
        .tls13()
        .and_then(rustls::Tls13CipherSuite::quic_suite)
        .expect("ring has it")
}

fn certified_key(
    provider: &CryptoProvider,
    certificate: &[u8],
    key: &[u8],
) -> PyResult<CertifiedKey> {
    let chain: Vec<CertificateDer<'static>> =
        CertificateDer::pem_slice_iter(certificate).collect::<Result<_, _>>().map_err(invalid)?;
    let key = PrivateKeyDer::from_pem_slice(key).map_err(invalid)?;
    let key = provider.key_provider.load_private_key(key).map_err(invalid)?;
    let certified = CertifiedKey::new(chain, key);
    certified.keys_match().map_err(invalid)?;
    Ok(certified)
}

/// TLS of a client.
#[pyclass(frozen)]
pub struct ClientConfig {
    pub tls: Arc<rustls::ClientConfig>,
    pub judge: Judge,
    pub identity: Option<Arc<CertifiedKey>>,
}

#[pymethods]
impl ClientConfig {
    /// `verify` is "callback", "roots" or "nobody"; `roots` are certificates in PEM, and so are
    /// `certificate`, with its chain, and `key`.
    #[new]
    #[pyo3(signature = (*, alpn, ciphers, groups, verify, roots, certificate, key, secrets_log))]
    #[allow(clippy::too_many_arguments)]
    fn new(
        alpn: Vec<u8>,
        ciphers: Vec<String>,
        groups: Vec<String>,
        verify: &str,
        roots: &[u8],
        certificate: &[u8],
        key: &[u8],
        secrets_log: Option<PyObject>,
    ) -> PyResult<Self> {
        let provider = Arc::new(provider(&ciphers, &groups).map_err(invalid)?);
        let judge = match verify {
            "nobody" => Judge::Nobody,
            "roots" => Judge::Roots(roots_verifier(&provider, roots)?),
            _ => Judge::Callback,
        };
        let identity = if certificate.is_empty() {
            None
        } else {
            Some(Arc::new(certified_key(&provider, certificate, key)?))
        };
        let mut tls = rustls::ClientConfig::builder_with_provider(provider)
            .with_protocol_versions(&[&rustls::version::TLS13])
            .map_err(invalid)?
            .dangerous()
            .with_custom_certificate_verifier(SHARED.clone())
            .with_client_cert_resolver(SHARED.clone());
        tls.alpn_protocols = vec![alpn];
        tls.resumption = Resumption::store(SHARED.clone());
        tls.key_log = key_log(secrets_log);
        Ok(Self { tls: Arc::new(tls), judge, identity })
    }
}

fn roots_verifier(
    provider: &Arc<CryptoProvider>,
    roots: &[u8],
) -> PyResult<Arc<WebPkiServerVerifier>> {
    let mut store = RootCertStore::empty();
    let roots = CertificateDer::pem_slice_iter(roots).collect::<Result<Vec<_>, _>>();
    // The system's roots may have some that cannot be read: the others count all the same.
    store.add_parsable_certificates(roots.map_err(invalid)?);
    WebPkiServerVerifier::builder_with_provider(Arc::new(store), provider.clone())
        .build()
        .map_err(invalid)
}

/// TLS of a server with one certificate.
#[pyclass(frozen)]
pub struct ServerConfig {
    /// For clients that get a ticket, and for those that get none.
    pub with_tickets: Option<Arc<rustls::ServerConfig>>,
    pub without_tickets: Arc<rustls::ServerConfig>,
    /// Whether a client gets a ticket that would resume without a new key exchange, too.
    pub always: bool,
}

#[pymethods]
impl ServerConfig {
    /// `certificate`, with its chain, and `key` are in PEM. With `ask`, a client has to show a
    /// certificate. Without a `ticket_key` of 32 bytes no client gets a ticket.
    #[new]
    #[pyo3(signature = (
        *, alpn, ciphers, groups, certificate, key, ask, ticket_key, always_tickets, secrets_log
    ))]
    #[allow(clippy::too_many_arguments)]
    fn new(
        alpn: Vec<u8>,
        ciphers: Vec<String>,
        groups: Vec<String>,
        certificate: &[u8],
        key: &[u8],
        ask: bool,
        ticket_key: Option<&[u8]>,
        always_tickets: bool,
        secrets_log: Option<PyObject>,
    ) -> PyResult<Self> {
        let provider = Arc::new(provider(&ciphers, &groups).map_err(invalid)?);
        let identity = SingleCertAndKey::from(certified_key(&provider, certificate, key)?);
        let builder = rustls::ServerConfig::builder_with_provider(provider)
            .with_protocol_versions(&[&rustls::version::TLS13])
            .map_err(invalid)?;
        let builder = if ask {
            builder.with_client_cert_verifier(SHARED.clone())
        } else {
            builder.with_no_client_auth()
        };
        let mut tls = builder.with_cert_resolver(Arc::new(identity));
        tls.alpn_protocols = vec![alpn];
        tls.key_log = key_log(secrets_log);
        tls.session_storage = Arc::new(NoServerSessionStorage {});
        tls.send_tls13_tickets = 0;
        let mut with_tickets = None;
        if let Some(key) = ticket_key {
            let tickets: Arc<dyn ProducesTickets> =
                Arc::new(Tickets::new(key).ok_or_else(|| invalid("the key has 32 bytes"))?);
            tls.ticketer = tickets;
            let mut issuing = tls.clone();
            issuing.send_tls13_tickets = 1;
            with_tickets = Some(Arc::new(issuing));
        }
        Ok(Self { with_tickets, without_tickets: Arc::new(tls), always: always_tickets })
    }
}

/// Return what makes congestion controllers, with the initial window of [RFC9002] 7.2.
fn controller(name: &str, datagram_size: u64) -> Arc<dyn ControllerFactory + Send + Sync> {
    let window = initial_window(datagram_size);
    let mut reno = NewRenoConfig::default();
    match name {
        // Its own is larger: it takes it for what the path has room for at first.
        "bbr" => Arc::new(BbrConfig::default()),
        "reno" => {
            reno.initial_window(window);
            Arc::new(reno)
        }
        _ => Arc::new(HybridCubicConfig { initial_window: window }),
    }
}

/// The settings of a connection that have nothing to do with TLS. Sizes are in bytes.
#[pyclass(frozen)]
pub struct Settings {
    pub transport: Arc<TransportConfig>,
    pub window: u64,
    pub id_size: usize,
}

#[pymethods]
impl Settings {
    /// `window` is what the peer may send ahead on the stream, `receive_window` on all streams for
    /// now. Datagrams have `datagram_size` at first, up to `largest_datagram` if the path carries
    /// it, and `smallest_datagram` if it does not.
    #[new]
    #[pyo3(signature = (
        *, is_client, window, receive_window, idle_timeout, congestion, datagram_size,
        smallest_datagram, largest_datagram, id_size
    ))]
    #[allow(clippy::too_many_arguments)]
    fn new(
        is_client: bool,
        window: u32,
        receive_window: u32,
        idle_timeout: f64,
        congestion: &str,
        datagram_size: u16,
        smallest_datagram: u16,
        largest_datagram: u16,
        id_size: usize,
    ) -> PyResult<Self> {
        let idle = Duration::try_from_secs_f64(idle_timeout).map_err(invalid)?;
        let congestion = controller(congestion, u64::from(datagram_size));
        let mut transport = TransportConfig::default();
        transport
            // The client opens the one stream of SMB.
            .max_concurrent_bidi_streams(VarInt::from_u32(u32::from(!is_client)))
            .max_concurrent_uni_streams(VarInt::from_u32(0))
            .datagram_receive_buffer_size(None)
            .stream_receive_window(VarInt::from_u32(window))
            .receive_window(VarInt::from_u32(receive_window))
            .send_window(u64::from(window))
            .max_idle_timeout(Some(IdleTimeout::try_from(idle).map_err(invalid)?))
            .initial_mtu(datagram_size)
            .min_mtu(smallest_datagram)
            .congestion_controller_factory(congestion)
            .allow_spin(false);
        let mut discovery = MtuDiscoveryConfig::default();
        discovery
            .upper_bound(largest_datagram)
            // It takes the gaps that a full queue leaves for a path that carries less.
            .black_hole_cooldown(LARGER_AGAIN);
        transport.mtu_discovery_config((largest_datagram > smallest_datagram).then_some(discovery));
        Ok(Self { transport: Arc::new(transport), window: u64::from(window), id_size })
    }
}
