//! TLS of one connection: rustls behind the interface that quinn-proto has for it.
//!
//! A server chooses its certificate when all of the `ClientHello` is there: which one, whether the
//! client has to show its own, and whether it gets a ticket depend on what it asks for.

use std::any::Any;
use std::sync::{Arc, PoisonError};

use pyo3::Python;
use quinn_proto::crypto::{
    self, ExportKeyingMaterialError, HeaderKey, KeyPair, Keys, PacketKey, UnsupportedVersion,
};
use quinn_proto::transport_parameters::TransportParameters;
use quinn_proto::{ConnectError, ConnectionId, Side, TransportError, TransportErrorCode};
use ring::aead::{AES_128_GCM, Aad, LessSafeKey, Nonce, UnboundKey};
use rustls::HandshakeKind;
use rustls::quic::{
    ClientConnection, Connection, KeyChange, Secrets, ServerConnection, Suite, Version,
};
use rustls_pki_types::ServerName;

use crate::client_hello::{self, Progress};
use crate::config::{ServerConfig, initial_suite};
use crate::gaps::BoundedKey;
use crate::parameters;
use crate::peer::{Peer, Refusal, with_current};

const VERSION_1: u32 = 1;
const DECODE_ERROR: u8 = 50;
const TAG_SIZE: usize = 16;
/// [RFC9001] 5.8.
const RETRY_KEY: [u8; 16] = [
    0xbe, 0x0c, 0x69, 0x0b, 0x9f, 0x66, 0x57, 0x5a, 0x1d, 0x76, 0x6b, 0x54, 0xe3, 0x68, 0xc8, 0x4e,
];
const RETRY_NONCE: [u8; 12] =
    [0x46, 0x15, 0x99, 0xd3, 0x5d, 0x63, 0x2b, 0xf2, 0x23, 0x98, 0x25, 0xbb];

/// The outcome of a handshake.
pub struct Negotiated {
    pub alpn: Vec<u8>,
    pub cipher: String,
    pub group: String,
    pub resumed: bool,
    pub certificates: Vec<Vec<u8>>,
}

/// TLS before and after the first message.
enum State {
    /// A server waits for the rest of the `ClientHello`; it has its own transport parameters.
    Waiting {
        parameters: Vec<u8>,
        hello: Vec<u8>,
    },
    Begun(Box<Connection>),
}

/// The TLS session of one connection.
pub struct TlsSession {
    state: State,
    suite: Suite,
    peer: Arc<Peer>,
    next_secrets: Option<Secrets>,
    reported: bool,
}

impl TlsSession {
    fn new(state: State, peer: Arc<Peer>) -> Self {
        Self { state, suite: initial_suite(), peer, next_secrets: None, reported: false }
    }

    fn tls(&self) -> Option<&Connection> {
        match &self.state {
            State::Waiting { .. } => None,
            State::Begun(tls) => Some(tls),
        }
    }

    /// Begin as a server once the `ClientHello` is complete; return the message then.
    fn begin(&mut self, bytes: &[u8]) -> Result<Option<Vec<u8>>, Refusal> {
        let State::Waiting { parameters, hello } = &mut self.state else {
            return Ok(None);
        };
        hello.extend_from_slice(bytes);
        match client_hello::progress(hello) {
            Progress::Incomplete => return Ok(None),
            Progress::TooLarge => {
                return Err(Refusal::new(DECODE_ERROR, "the ClientHello is too large"));
            }
            Progress::Complete => {}
        }
        let claims = client_hello::read(hello)
            .ok_or_else(|| Refusal::new(DECODE_ERROR, "the ClientHello cannot be read"))?;
        self.peer.record().server_name.clone_from(&claims.server_name);
        let chosen = self.peer.callbacks.choose(&claims.server_name)?;
        let config = Python::with_gil(|python| {
            let chosen: &ServerConfig = chosen.bind(python).get();
            match &chosen.with_tickets {
                Some(config) if chosen.always || !claims.offers_psk_alone => config.clone(),
                _ => chosen.without_tickets.clone(),
            }
        });
        let tls = ServerConnection::new(config, Version::V1, std::mem::take(parameters))
            .map_err(|error| Refusal::new(DECODE_ERROR, error.to_string()))?;
        let hello = std::mem::take(hello);
        self.state = State::Begun(Box::new(tls.into()));
        Ok(Some(hello))
    }

    /// Return a key for the peer's 1-RTT packets that lets it make only so many gaps.
    fn bounded(&self, key: Box<dyn PacketKey>) -> Box<dyn PacketKey> {
        Box::new(BoundedKey::new(key, self.peer.received.clone()))
    }

    fn read(&mut self, bytes: &[u8]) -> Result<(), TransportError> {
        let first = self.begin(bytes).map_err(|refusal| {
            self.peer.refuse(refusal.clone());
            alert(refusal.alert, refusal.phrase)
        })?;
        let State::Begun(tls) = &mut self.state else {
            return Ok(());
        };
        let peer = self.peer.clone();
        let result = with_current(&peer, || tls.read_hs(first.as_deref().unwrap_or(bytes)));
        result.map_err(|error| {
            if error == rustls::Error::NoCertificatesPresented {
                peer.refuse(peer.callbacks.refuse("no-certificate", ""));
            }
            // Our own reason is more exact than what rustls makes of it.
            let refusal = peer.record().refusal.clone();
            match (refusal, tls.alert()) {
                (Some(refusal), _) => alert(refusal.alert, refusal.phrase),
                (None, Some(description)) => alert(description.into(), error.to_string()),
                (None, None) => {
                    failure(TransportErrorCode::PROTOCOL_VIOLATION, format!("TLS: {error}"))
                }
            }
        })
    }
}

fn failure(code: TransportErrorCode, reason: String) -> TransportError {
    TransportError { code, frame: None, reason }
}

fn alert(number: u8, reason: String) -> TransportError {
    failure(TransportErrorCode::crypto(number), reason)
}

fn boxed(keys: rustls::quic::Keys) -> Keys {
    Keys {
        header: KeyPair {
            local: Box::new(keys.local.header),
            remote: Box::new(keys.remote.header),
        },
        packet: KeyPair {
            local: Box::new(keys.local.packet),
            remote: Box::new(keys.remote.packet),
        },
    }
}

fn side_of(side: Side) -> rustls::Side {
    match side {
        Side::Client => rustls::Side::Client,
        Side::Server => rustls::Side::Server,
    }
}

fn initial_keys(suite: &Suite, id: &ConnectionId, side: Side) -> Keys {
    boxed(suite.keys(id, side_of(side), Version::V1))
}

/// Return the name of a group as smbquic's options have it.
fn group_name(group: rustls::NamedGroup) -> String {
    match group {
        rustls::NamedGroup::X25519 => "X25519".to_owned(),
        rustls::NamedGroup::secp256r1 => "P-256".to_owned(),
        rustls::NamedGroup::secp384r1 => "P-384".to_owned(),
        other => format!("{other:?}"),
    }
}

impl crypto::Session for TlsSession {
    fn initial_keys(&self, dst_cid: &ConnectionId, side: Side) -> Keys {
        initial_keys(&self.suite, dst_cid, side)
    }

    fn handshake_data(&self) -> Option<Box<dyn Any>> {
        let tls = self.tls()?;
        let suite = tls.negotiated_cipher_suite()?;
        Some(Box::new(Negotiated {
            alpn: tls.alpn_protocol().unwrap_or_default().to_vec(),
            cipher: format!("{:?}", suite.suite()).trim_start_matches("TLS13_").to_owned(),
            group: tls
                .negotiated_key_exchange_group()
                .map(|group| group_name(group.name()))
                .unwrap_or_default(),
            resumed: tls.handshake_kind() == Some(HandshakeKind::Resumed),
            certificates: tls
                .peer_certificates()
                .unwrap_or_default()
                .iter()
                .map(|certificate| certificate.to_vec())
                .collect(),
        }))
    }

    fn peer_identity(&self) -> Option<Box<dyn Any>> {
        None
    }

    fn early_crypto(&self) -> Option<(Box<dyn HeaderKey>, Box<dyn PacketKey>)> {
        // Early data can be replayed ([RFC8446] 8), so it is neither offered nor accepted.
        None
    }

    fn early_data_accepted(&self) -> Option<bool> {
        Some(false)
    }

    fn is_handshaking(&self) -> bool {
        self.tls().is_none_or(|tls| tls.is_handshaking())
    }

    fn read_handshake(&mut self, buf: &[u8]) -> Result<bool, TransportError> {
        self.read(buf)?;
        let complete = !self.is_handshaking();
        self.peer.received.lock().unwrap_or_else(PoisonError::into_inner).complete = complete;
        let ready = !self.reported && complete;
        self.reported |= ready;
        Ok(ready)
    }

    fn transport_parameters(&self) -> Result<Option<TransportParameters>, TransportError> {
        let Some(bytes) = self.tls().and_then(|tls| tls.quic_transport_parameters()) else {
            return Ok(None);
        };
        let side = match self.tls() {
            Some(Connection::Client(_)) => Side::Client,
            _ => Side::Server,
        };
        self.peer.record().idle_timeout = parameters::idle_timeout(bytes);
        let malformed =
            || failure(TransportErrorCode::TRANSPORT_PARAMETER_ERROR, "malformed".to_owned());
        let bytes = parameters::without_extensions(bytes).ok_or_else(malformed)?;
        TransportParameters::read(side, &mut bytes.as_slice())
            .map(Some)
            .map_err(TransportError::from)
    }

    fn write_handshake(&mut self, buf: &mut Vec<u8>) -> Option<Keys> {
        let State::Begun(tls) = &mut self.state else {
            return None;
        };
        let change = with_current(&self.peer, || tls.write_hs(buf))?;
        Some(match change {
            KeyChange::Handshake { keys } => boxed(keys),
            KeyChange::OneRtt { keys, next } => {
                self.next_secrets = Some(next);
                let mut keys = boxed(keys);
                keys.packet.remote = self.bounded(keys.packet.remote);
                keys
            }
        })
    }

    fn next_1rtt_keys(&mut self) -> Option<KeyPair<Box<dyn PacketKey>>> {
        let keys = self.next_secrets.as_mut()?.next_packet_keys();
        self.peer.record().derived_keys += 1;
        Some(KeyPair { local: Box::new(keys.local), remote: self.bounded(Box::new(keys.remote)) })
    }

    fn is_valid_retry(&self, orig_dst_cid: &ConnectionId, header: &[u8], payload: &[u8]) -> bool {
        let Some(token_size) = payload.len().checked_sub(TAG_SIZE) else {
            return false;
        };
        let (token, tag) = payload.split_at(token_size);
        retry_tag(orig_dst_cid, &[header, token].concat()) == tag
    }

    fn export_keying_material(
        &self,
        output: &mut [u8],
        label: &[u8],
        context: &[u8],
    ) -> Result<(), ExportKeyingMaterialError> {
        let tls = self.tls().ok_or(ExportKeyingMaterialError)?;
        tls.export_keying_material(output, label, Some(context))
            .map(|_| ())
            .map_err(|_| ExportKeyingMaterialError)
    }
}

/// Return the integrity tag of a Retry packet ([RFC9001] 5.8).
fn retry_tag(original_id: &[u8], packet: &[u8]) -> [u8; TAG_SIZE] {
    let length = u8::try_from(original_id.len()).unwrap_or(u8::MAX);
    let pseudo_packet = [&[length], original_id, packet].concat();
    let key = UnboundKey::new(&AES_128_GCM, &RETRY_KEY).expect("the key has its size");
    let tag = LessSafeKey::new(key)
        .seal_in_place_separate_tag(
            Nonce::assume_unique_for_key(RETRY_NONCE),
            Aad::from(pseudo_packet),
            &mut [],
        )
        .expect("there is nothing to encrypt");
    let mut bytes = [0; TAG_SIZE];
    bytes.copy_from_slice(tag.as_ref());
    bytes
}

/// TLS of a client, for one connection.
pub struct ClientTls {
    pub tls: Arc<rustls::ClientConfig>,
    pub peer: Arc<Peer>,
}

impl crypto::ClientConfig for ClientTls {
    fn start_session(
        self: Arc<Self>,
        version: u32,
        server_name: &str,
        params: &TransportParameters,
    ) -> Result<Box<dyn crypto::Session>, ConnectError> {
        if version != VERSION_1 {
            return Err(ConnectError::UnsupportedVersion);
        }
        let invalid = || ConnectError::InvalidServerName(server_name.to_owned());
        let name = ServerName::try_from(server_name).map_err(|_| invalid())?.to_owned();
        let mut own = Vec::new();
        params.write(&mut own);
        let tls = with_current(&self.peer, || {
            ClientConnection::new(self.tls.clone(), Version::V1, name, own)
        })
        .map_err(|_| invalid())?;
        let state = State::Begun(Box::new(tls.into()));
        Ok(Box::new(TlsSession::new(state, self.peer.clone())))
    }
}

/// TLS of a server, for one connection.
pub struct ServerTls {
    pub peer: Arc<Peer>,
    /// The connection ID that the client used first, and the one of the Retry packet that it got.
    pub retry: Option<(Vec<u8>, Vec<u8>)>,
}

impl crypto::ServerConfig for ServerTls {
    fn initial_keys(
        &self,
        version: u32,
        dst_cid: &ConnectionId,
    ) -> Result<Keys, UnsupportedVersion> {
        if version != VERSION_1 {
            return Err(UnsupportedVersion);
        }
        Ok(initial_keys(&initial_suite(), dst_cid, Side::Server))
    }

    fn retry_tag(&self, _version: u32, orig_dst_cid: &ConnectionId, packet: &[u8]) -> [u8; 16] {
        retry_tag(orig_dst_cid, packet)
    }

    fn start_session(
        self: Arc<Self>,
        _version: u32,
        params: &TransportParameters,
    ) -> Box<dyn crypto::Session> {
        let mut own = Vec::new();
        params.write(&mut own);
        if let Some((original_id, retry_id)) = &self.retry {
            own = parameters::after_retry(&own, original_id, retry_id);
        }
        let state = State::Waiting { parameters: own, hello: Vec::new() };
        Box::new(TlsSession::new(state, self.peer.clone()))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The sample of [RFC9001] A.4.
    #[test]
    fn the_tag_of_a_retry_packet_is_that_of_the_specification() {
        let original = [0x83, 0x94, 0xc8, 0xf0, 0x3e, 0x51, 0x57, 0x08];
        let packet = [
            0xff, 0x00, 0x00, 0x00, 0x01, 0x00, 0x08, 0xf0, 0x67, 0xa5, 0x50, 0x2a, 0x42, 0x62,
            0xb5, 0x74, 0x6f, 0x6b, 0x65, 0x6e,
        ];
        let expected = [
            0x04, 0xa2, 0x65, 0xba, 0x2e, 0xff, 0x4d, 0x82, 0x90, 0x58, 0xfb, 0x3f, 0x0f, 0x24,
            0x96, 0xba,
        ];
        assert_eq!(retry_tag(&original, &packet), expected);
    }
}
