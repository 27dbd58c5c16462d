//! Reads of a `ClientHello` what a server's policy depends on ([RFC8446] 4.1.2).
//!
//! rustls checks the message afterwards: here it is only read, and nothing is trusted.

/// Bytes of the largest `ClientHello` that is accepted, with its header.
pub const LARGEST: usize = 32 << 10;

const CLIENT_HELLO: u8 = 1;
const SERVER_NAME: u16 = 0;
const PSK_KEY_EXCHANGE_MODES: u16 = 45;
const PSK_KE: u8 = 0;

/// What a client asks for.
#[derive(Debug, Default, PartialEq, Eq)]
pub struct ClientHello {
    /// The server name; empty if there is none.
    pub server_name: String,
    /// Whether it would resume a session without a new key exchange ([RFC8446] 4.2.9).
    pub offers_psk_alone: bool,
}

/// Whether all of the message is there.
pub enum Progress {
    Incomplete,
    TooLarge,
    Complete,
}

/// Return whether all of the first handshake message has arrived.
pub fn progress(bytes: &[u8]) -> Progress {
    let Some((_, length)) = header(bytes) else {
        return Progress::Incomplete;
    };
    if length + 4 > LARGEST {
        Progress::TooLarge
    } else if bytes.len() < length + 4 {
        Progress::Incomplete
    } else {
        Progress::Complete
    }
}

fn header(bytes: &[u8]) -> Option<(u8, usize)> {
    let head = bytes.get(..4)?;
    Some((head[0], u32::from_be_bytes([0, head[1], head[2], head[3]]) as usize))
}

/// Read a whole message; `None` if it is no `ClientHello` that can be read.
pub fn read(bytes: &[u8]) -> Option<ClientHello> {
    let (kind, length) = header(bytes)?;
    if kind != CLIENT_HELLO {
        return None;
    }
    let mut rest = bytes.get(4..4 + length)?;
    take(&mut rest, 2 + 32)?; // legacy_version and random
    vector(&mut rest, 1)?; // legacy_session_id
    vector(&mut rest, 2)?; // cipher_suites
    vector(&mut rest, 1)?; // legacy_compression_methods
    let mut extensions = vector(&mut rest, 2)?;
    let mut hello = ClientHello::default();
    while !extensions.is_empty() {
        let kind = number(&mut extensions, 2)?;
        let value = vector(&mut extensions, 2)?;
        match u16::try_from(kind).ok()? {
            SERVER_NAME => hello.server_name = server_name(value)?,
            PSK_KEY_EXCHANGE_MODES => {
                let mut value = value;
                hello.offers_psk_alone = vector(&mut value, 1)?.contains(&PSK_KE);
            }
            _ => {}
        }
    }
    Some(hello)
}

fn server_name(mut value: &[u8]) -> Option<String> {
    let mut list = vector(&mut value, 2)?;
    // host_name is the only kind of name there is ([RFC6066] 3).
    if number(&mut list, 1)? != 0 {
        return None;
    }
    String::from_utf8(vector(&mut list, 2)?.to_vec()).ok()
}

fn take<'a>(rest: &mut &'a [u8], count: usize) -> Option<&'a [u8]> {
    let (taken, left) = rest.split_at_checked(count)?;
    *rest = left;
    Some(taken)
}

fn number(rest: &mut &[u8], size: usize) -> Option<usize> {
    let bytes = take(rest, size)?;
    Some(bytes.iter().fold(0, |value, byte| (value << 8) | usize::from(*byte)))
}

/// Read a vector with a length of `size` bytes before it ([RFC8446] 3.4).
fn vector<'a>(rest: &mut &'a [u8], size: usize) -> Option<&'a [u8]> {
    let length = number(rest, size)?;
    take(rest, length)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn message(extensions: &[u8]) -> Vec<u8> {
        let mut body = vec![0; 34];
        body.extend([0, 0, 2, 0x13, 0x01, 1, 0]);
        body.extend(u16::try_from(extensions.len()).unwrap().to_be_bytes());
        body.extend(extensions);
        let mut bytes = vec![1, 0, 0, u8::try_from(body.len()).unwrap()];
        bytes.extend(body);
        bytes
    }

    #[test]
    fn the_name_and_the_modes_are_read() {
        let bytes = message(&[0, 0, 0, 7, 0, 5, 0, 0, 2, b'f', b's', 0, 45, 0, 2, 1, 0]);
        let hello = read(&bytes).unwrap();
        assert_eq!(hello.server_name, "fs");
        assert!(hello.offers_psk_alone);
    }

    #[test]
    fn without_extensions_nothing_is_asked_for() {
        assert_eq!(read(&message(&[])), Some(ClientHello::default()));
    }

    #[test]
    fn a_message_that_is_cut_off_is_none_wherever_it_is_cut() {
        let bytes = message(&[0, 0, 0, 7, 0, 5, 0, 0, 2, b'f', b's']);
        for end in 0..bytes.len() {
            assert_eq!(read(&bytes[..end]), None);
        }
    }

    #[test]
    fn a_large_message_is_refused_by_its_header() {
        assert!(matches!(progress(&[1, 1, 0, 0]), Progress::TooLarge));
        assert!(matches!(progress(&[1, 0, 0]), Progress::Incomplete));
        assert!(matches!(progress(&[1, 0, 0, 1, 9]), Progress::Complete));
    }
}
