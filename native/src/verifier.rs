//! Passes what rustls asks during a handshake on to the peer of this connection.

use std::sync::{Arc, LazyLock};

use rustls::client::Tls13ClientSessionValue;
use rustls::client::danger::{HandshakeSignatureValid, ServerCertVerified, ServerCertVerifier};
use rustls::client::{ClientSessionStore, ResolvesClientCert, Tls12ClientSessionValue};
use rustls::crypto::{CryptoProvider, WebPkiSupportedAlgorithms, verify_tls13_signature};
use rustls::server::danger::{ClientCertVerified, ClientCertVerifier};
use rustls::sign::CertifiedKey;
use rustls::{
    CertificateError, DigitallySignedStruct, DistinguishedName, Error, NamedGroup, PeerMisbehaved,
    SignatureScheme,
};
use rustls_pki_types::{CertificateDer, ServerName, UnixTime};

use crate::peer::{Judge, Peer, Refusal, current};
use crate::tickets::Ticket;

const BAD_CERTIFICATE: u8 = 42;
const CERTIFICATE_EXPIRED: u8 = 45;
const UNKNOWN_CA: u8 = 48;

/// The one object of all connections. rustls resumes a session only if its verifier is the same.
pub static SHARED: LazyLock<Arc<Shared>> = LazyLock::new(|| Arc::new(Shared));

/// The algorithms that certificates may be signed with, whatever the cipher suites are.
static ALGORITHMS: LazyLock<WebPkiSupportedAlgorithms> =
    LazyLock::new(|| rustls::crypto::ring::default_provider().signature_verification_algorithms);

/// Verifies certificates and signatures, and has the certificates and sessions of clients.
#[derive(Debug)]
pub struct Shared;

fn peer() -> Result<Arc<Peer>, Error> {
    current().ok_or_else(|| Error::General("no handshake goes on".to_owned()))
}

/// Record the chain that a peer shows, and have it judged.
fn judge(
    leaf: &CertificateDer<'_>,
    intermediates: &[CertificateDer<'_>],
    by_roots: impl FnOnce(&Peer) -> Result<(), Error>,
) -> Result<(), Error> {
    let peer = peer()?;
    let chain: Vec<_> = std::iter::once(leaf).chain(intermediates).cloned().collect();
    peer.record().certificates = chain.iter().map(|each| each.to_vec()).collect();
    match &peer.judge {
        Judge::Nobody => Ok(()),
        Judge::Roots(_) => by_roots(&peer).inspect_err(|error| peer.refuse(explained(error))),
        Judge::Callback => match peer.callbacks.verify(&chain) {
            None => Ok(()),
            Some(refusal) => {
                peer.refuse(refusal);
                Err(CertificateError::ApplicationVerificationFailure.into())
            }
        },
    }
}

/// Return the alert, and the words by which the transport recognizes the reason.
fn explained(error: &Error) -> Refusal {
    let (alert, words) = match error {
        Error::InvalidCertificate(
            CertificateError::Expired | CertificateError::ExpiredContext { .. },
        ) => (CERTIFICATE_EXPIRED, "the certificate has expired"),
        Error::InvalidCertificate(
            CertificateError::NotValidYet | CertificateError::NotValidYetContext { .. },
        ) => (BAD_CERTIFICATE, "the certificate is not valid yet"),
        Error::InvalidCertificate(
            CertificateError::NotValidForName | CertificateError::NotValidForNameContext { .. },
        ) => (BAD_CERTIFICATE, "the name doesn't match"),
        Error::InvalidCertificate(CertificateError::UnknownIssuer) => {
            (UNKNOWN_CA, "the issuer certificate is not trusted")
        }
        _ => (BAD_CERTIFICATE, "the certificate is refused"),
    };
    Refusal::new(alert, format!("{words}: {error}"))
}

/// Verify that the key of the certificate has signed the handshake.
fn verify_signature(
    message: &[u8],
    certificate: &CertificateDer<'_>,
    signed: &DigitallySignedStruct,
) -> Result<HandshakeSignatureValid, Error> {
    let peer = peer()?;
    verify_tls13_signature(message, certificate, signed, &ALGORITHMS).inspect_err(|error| {
        let kind = match error {
            Error::InvalidCertificate(CertificateError::BadSignature) => "wrong-key",
            _ => "malformed",
        };
        peer.refuse(peer.callbacks.refuse(kind, &error.to_string()));
    })
}

fn schemes() -> Vec<SignatureScheme> {
    ALGORITHMS.supported_schemes()
}

impl ServerCertVerifier for Shared {
    fn verify_server_cert(
        &self,
        end_entity: &CertificateDer<'_>,
        intermediates: &[CertificateDer<'_>],
        server_name: &ServerName<'_>,
        ocsp_response: &[u8],
        now: UnixTime,
    ) -> Result<ServerCertVerified, Error> {
        judge(end_entity, intermediates, |peer| match &peer.judge {
            Judge::Roots(roots) => roots
                .verify_server_cert(end_entity, intermediates, server_name, ocsp_response, now)
                .map(|_| ()),
            Judge::Nobody | Judge::Callback => Ok(()),
        })
        .map(|()| ServerCertVerified::assertion())
    }

    fn verify_tls12_signature(
        &self,
        _message: &[u8],
        _cert: &CertificateDer<'_>,
        _dss: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, Error> {
        Err(PeerMisbehaved::SignedHandshakeWithUnadvertisedSigScheme.into())
    }

    fn verify_tls13_signature(
        &self,
        message: &[u8],
        cert: &CertificateDer<'_>,
        dss: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, Error> {
        verify_signature(message, cert, dss)
    }

    fn supported_verify_schemes(&self) -> Vec<SignatureScheme> {
        schemes()
    }
}

impl ClientCertVerifier for Shared {
    fn root_hint_subjects(&self) -> &[DistinguishedName] {
        &[]
    }

    fn verify_client_cert(
        &self,
        end_entity: &CertificateDer<'_>,
        intermediates: &[CertificateDer<'_>],
        _now: UnixTime,
    ) -> Result<ClientCertVerified, Error> {
        judge(end_entity, intermediates, |_| Ok(())).map(|()| ClientCertVerified::assertion())
    }

    fn verify_tls12_signature(
        &self,
        _message: &[u8],
        _cert: &CertificateDer<'_>,
        _dss: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, Error> {
        Err(PeerMisbehaved::SignedHandshakeWithUnadvertisedSigScheme.into())
    }

    fn verify_tls13_signature(
        &self,
        message: &[u8],
        cert: &CertificateDer<'_>,
        dss: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, Error> {
        verify_signature(message, cert, dss)
    }

    fn supported_verify_schemes(&self) -> Vec<SignatureScheme> {
        schemes()
    }
}

impl ResolvesClientCert for Shared {
    fn resolve(
        &self,
        _root_hint_subjects: &[&[u8]],
        sigschemes: &[SignatureScheme],
    ) -> Option<Arc<CertifiedKey>> {
        let peer = current()?;
        peer.record().certificate_requested = true;
        let identity = peer.identity.clone()?;
        identity.key.choose_scheme(sigschemes).is_some().then_some(identity)
    }

    fn has_certs(&self) -> bool {
        current().is_some_and(|peer| peer.identity.is_some())
    }
}

impl ClientSessionStore for Shared {
    fn set_kx_hint(&self, _server_name: ServerName<'static>, _group: NamedGroup) {}

    fn kx_hint(&self, _server_name: &ServerName<'_>) -> Option<NamedGroup> {
        None
    }

    fn set_tls12_session(
        &self,
        _server_name: ServerName<'static>,
        _value: Tls12ClientSessionValue,
    ) {
    }

    fn tls12_session(&self, _server_name: &ServerName<'_>) -> Option<Tls12ClientSessionValue> {
        None
    }

    fn remove_tls12_session(&self, _server_name: &ServerName<'static>) {}

    fn insert_tls13_ticket(
        &self,
        _server_name: ServerName<'static>,
        value: Tls13ClientSessionValue,
    ) {
        if let Some(peer) = current() {
            peer.callbacks.keep(Ticket::new(value));
        }
    }

    fn take_tls13_ticket(
        &self,
        _server_name: &ServerName<'static>,
    ) -> Option<Tls13ClientSessionValue> {
        current()?.session.lock().ok()?.take()
    }
}

/// Return the algorithms of a provider with these cipher suites and groups, in their order.
///
/// The names are those of smbquic's options; without groups there are all.
pub fn provider(ciphers: &[String], groups: &[String]) -> Result<CryptoProvider, String> {
    let mut provider = rustls::crypto::ring::default_provider();
    provider.cipher_suites = ciphers
        .iter()
        .map(|name| match name.as_str() {
            "AES-128-GCM" => Ok(rustls::crypto::ring::cipher_suite::TLS13_AES_128_GCM_SHA256),
            "AES-256-GCM" => Ok(rustls::crypto::ring::cipher_suite::TLS13_AES_256_GCM_SHA384),
            "CHACHA20-POLY1305" => {
                Ok(rustls::crypto::ring::cipher_suite::TLS13_CHACHA20_POLY1305_SHA256)
            }
            _ => Err(format!("there is no cipher suite {name}")),
        })
        .collect::<Result<_, _>>()?;
    if !groups.is_empty() {
        provider.kx_groups = groups
            .iter()
            .map(|name| match name.as_str() {
                "X25519" => Ok(rustls::crypto::ring::kx_group::X25519),
                "P-256" => Ok(rustls::crypto::ring::kx_group::SECP256R1),
                "P-384" => Ok(rustls::crypto::ring::kx_group::SECP384R1),
                _ => Err(format!("there is no group {name}")),
            })
            .collect::<Result<_, _>>()?;
    }
    Ok(provider)
}
