//! Session tickets of both ends ([RFC8446] 4.6.1).

use std::fmt;
use std::sync::Mutex;
use std::time::{SystemTime, UNIX_EPOCH};

use pyo3::prelude::*;
use ring::aead::{AES_256_GCM, Aad, LessSafeKey, NONCE_LEN, Nonce, UnboundKey};
use ring::rand::{SecureRandom, SystemRandom};
use rustls::client::Tls13ClientSessionValue;
use rustls::server::ProducesTickets;

/// Seconds for which a server accepts a ticket.
const LIFETIME: u32 = 86400;
const TIME_SIZE: usize = 8;

/// The tickets of a server for one certificate, each the session itself, encrypted.
///
/// The server keeps nothing, and any process with the same key accepts them.
pub struct Tickets {
    key: LessSafeKey,
    random: SystemRandom,
}

impl Tickets {
    /// `key` has 32 bytes.
    pub fn new(key: &[u8]) -> Option<Self> {
        let key = UnboundKey::new(&AES_256_GCM, key).ok()?;
        Some(Self { key: LessSafeKey::new(key), random: SystemRandom::new() })
    }
}

impl fmt::Debug for Tickets {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str("Tickets")
    }
}

fn now() -> u64 {
    SystemTime::now().duration_since(UNIX_EPOCH).map_or(0, |since| since.as_secs())
}

impl ProducesTickets for Tickets {
    fn enabled(&self) -> bool {
        true
    }

    fn lifetime(&self) -> u32 {
        LIFETIME
    }

    fn encrypt(&self, plain: &[u8]) -> Option<Vec<u8>> {
        let mut nonce = [0; NONCE_LEN];
        self.random.fill(&mut nonce).ok()?;
        let mut content = now().to_be_bytes().to_vec();
        content.extend_from_slice(plain);
        let unique = Nonce::assume_unique_for_key(nonce);
        self.key.seal_in_place_append_tag(unique, Aad::empty(), &mut content).ok()?;
        Some([&nonce[..], &content].concat())
    }

    fn decrypt(&self, cipher: &[u8]) -> Option<Vec<u8>> {
        let (nonce, content) = cipher.split_at_checked(NONCE_LEN)?;
        let nonce = Nonce::try_assume_unique_for_key(nonce).ok()?;
        let mut content = content.to_vec();
        let plain = self.key.open_in_place(nonce, Aad::empty(), &mut content).ok()?;
        let (issued, session) = plain.split_at_checked(TIME_SIZE)?;
        let issued = u64::from_be_bytes(issued.try_into().ok()?);
        // Another machine's clock may be ahead, but not for as long as a ticket is good.
        (now().abs_diff(issued) < u64::from(LIFETIME)).then(|| session.to_vec())
    }
}

/// A session of a client, to be resumed once.
#[pyclass(frozen)]
pub struct Ticket {
    session: Mutex<Option<Tls13ClientSessionValue>>,
}

impl Ticket {
    pub fn new(session: Tls13ClientSessionValue) -> Self {
        Self { session: Mutex::new(Some(session)) }
    }

    /// Return the session; `None` if it was taken before.
    pub fn take(&self) -> Option<Tls13ClientSessionValue> {
        self.session.lock().ok()?.take()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_ticket_is_accepted_by_the_same_key_only() {
        let ticket = Tickets::new(&[1; 32]).unwrap().encrypt(b"session").unwrap();
        assert_eq!(Tickets::new(&[1; 32]).unwrap().decrypt(&ticket), Some(b"session".to_vec()));
        assert_eq!(Tickets::new(&[2; 32]).unwrap().decrypt(&ticket), None);
        assert_eq!(Tickets::new(&[1; 32]).unwrap().decrypt(&ticket[..20]), None);
        assert!(Tickets::new(&[1; 31]).is_none());
    }
}
