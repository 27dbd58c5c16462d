//! The connection IDs of this end, which Python makes, and their reset tokens.

use std::sync::Arc;

use quinn_proto::crypto::{AeadKey, CryptoError, HandshakeTokenKey, HmacKey};
use quinn_proto::{ConnectionId, ConnectionIdGenerator};

use crate::callbacks::Callbacks;

const TOKEN_SIZE: usize = 16;

/// Asks Python for each connection ID.
pub struct IdSource {
    pub callbacks: Arc<Callbacks>,
    pub size: usize,
}

impl ConnectionIdGenerator for IdSource {
    fn generate_cid(&mut self) -> ConnectionId {
        ConnectionId::new(&self.callbacks.new_id(self.size))
    }

    fn cid_len(&self) -> usize {
        self.size
    }

    fn cid_lifetime(&self) -> Option<std::time::Duration> {
        None
    }
}

/// Asks Python for the token of a stateless reset ([RFC9000] 10.3).
pub struct ResetTokens(pub Arc<Callbacks>);

impl HmacKey for ResetTokens {
    fn sign(&self, data: &[u8], signature_out: &mut [u8]) {
        signature_out.copy_from_slice(&self.0.reset_token(data));
    }

    fn signature_len(&self) -> usize {
        TOKEN_SIZE
    }

    fn verify(&self, data: &[u8], signature: &[u8]) -> Result<(), CryptoError> {
        // Nothing that has to be compared in constant time is signed with it.
        if self.0.reset_token(data) == signature { Ok(()) } else { Err(CryptoError) }
    }
}

/// Knows no token: the listener validates addresses before a connection is made.
pub struct NoTokens;

impl HandshakeTokenKey for NoTokens {
    fn aead_from_hkdf(&self, _random_bytes: &[u8]) -> Box<dyn AeadKey> {
        Box::new(Self)
    }
}

impl AeadKey for NoTokens {
    fn seal(&self, _data: &mut Vec<u8>, _additional: &[u8]) -> Result<(), CryptoError> {
        Err(CryptoError)
    }

    fn open<'a>(
        &self,
        _data: &'a mut [u8],
        _additional: &[u8],
    ) -> Result<&'a mut [u8], CryptoError> {
        Err(CryptoError)
    }
}
