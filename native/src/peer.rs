//! What is known of the other end during its handshake, and how its certificate is judged.

use std::cell::RefCell;
use std::fmt;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use pyo3::prelude::*;
use pyo3::types::PyBytes;
use rustls::client::{Tls13ClientSessionValue, WebPkiServerVerifier};
use rustls::sign::CertifiedKey;

use crate::callbacks::Callbacks;
use crate::gaps::{EcnCounts, Received};

/// Why this end has refused a handshake.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Refusal {
    /// The number of the TLS alert ([RFC8446] 6.2).
    pub alert: u8,
    pub phrase: String,
}

impl Refusal {
    pub fn new(alert: u8, phrase: impl Into<String>) -> Self {
        Self { alert, phrase: phrase.into() }
    }
}

/// Who judges the peer's certificate.
#[derive(Clone)]
pub enum Judge {
    /// Nobody: every certificate is accepted, but its key must have signed the handshake.
    Nobody,
    /// Our own verification, in Python.
    Callback,
    /// The verification of rustls, by trusted roots and the server's name.
    Roots(Arc<WebPkiServerVerifier>),
}

/// What the handshake has shown so far.
#[derive(Default)]
pub struct Record {
    pub server_name: String,
    /// The chain of certificates that the peer has shown, in DER, the leaf first.
    pub certificates: Vec<Vec<u8>>,
    pub refusal: Option<Refusal>,
    /// Whether a server has asked for a certificate.
    pub certificate_requested: bool,
    /// How many sets of 1-RTT keys were derived after the first.
    pub derived_keys: u32,
    /// The peer's idle timeout in milliseconds; 0 if it has none.
    pub idle_timeout: u64,
}

/// One peer, shared by the parts of its connection.
pub struct Peer {
    pub callbacks: Arc<Callbacks>,
    pub judge: Judge,
    /// The certificate that a client shows if it is asked.
    pub identity: Option<Arc<CertifiedKey>>,
    /// The session that a client resumes, which may be taken once.
    pub session: Mutex<Option<Tls13ClientSessionValue>>,
    /// What was read in the peer's packets.
    pub received: Arc<Mutex<Received>>,
    record: Mutex<Record>,
}

impl Peer {
    pub fn new(
        callbacks: Arc<Callbacks>,
        judge: Judge,
        identity: Option<Arc<CertifiedKey>>,
        session: Option<Tls13ClientSessionValue>,
    ) -> Self {
        Self {
            callbacks,
            judge,
            identity,
            session: Mutex::new(session),
            received: Arc::default(),
            record: Mutex::default(),
        }
    }

    pub fn record(&self) -> MutexGuard<'_, Record> {
        self.record.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Return the server name that a client has asked for, and the certificates that it has shown.
    pub fn claims(&self, python: Python<'_>) -> (String, Vec<Py<PyBytes>>) {
        let record = self.record();
        let bytes = |each: &Vec<u8>| PyBytes::new_bound(python, each).unbind();
        (record.server_name.clone(), record.certificates.iter().map(bytes).collect())
    }

    /// Return the key phase bit of what is sent.
    pub fn key_phase(&self) -> u32 {
        // The first of the later keys are derived together with the first ones.
        self.record().derived_keys.saturating_sub(1) % 2
    }

    /// Return how the peer has received our packets, if it says so.
    pub fn reported(&self) -> Option<EcnCounts> {
        self.received.lock().unwrap_or_else(PoisonError::into_inner).reported
    }

    /// Record why the handshake is refused; the first reason counts.
    pub fn refuse(&self, refusal: Refusal) {
        self.record().refusal.get_or_insert(refusal);
    }
}

impl fmt::Debug for Peer {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str("Peer")
    }
}

thread_local! {
    static CURRENT: RefCell<Option<Arc<Peer>>> = const { RefCell::new(None) };
}

/// Call `work` with `peer` as the one whose handshake goes on in this thread.
///
/// rustls resumes a session only with the same verifier, so all connections share one, which finds
/// its connection here.
pub fn with_current<T>(peer: &Arc<Peer>, work: impl FnOnce() -> T) -> T {
    let before = CURRENT.replace(Some(peer.clone()));
    let result = work();
    CURRENT.set(before);
    result
}

/// Return the peer whose handshake goes on in this thread.
pub fn current() -> Option<Arc<Peer>> {
    CURRENT.with_borrow(Clone::clone)
}
