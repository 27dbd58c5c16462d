//! Transport parameters as bytes ([RFC9000] 18): what has to be changed in them or read from them.

use bytes::Buf;
use quinn_proto::VarInt;
use quinn_proto::coding::Codec;

pub const ORIGINAL_DESTINATION_ID: u64 = 0x00;
pub const MAX_IDLE_TIMEOUT: u64 = 0x01;
pub const RETRY_SOURCE_ID: u64 = 0x10;
const MAX_DATAGRAM_FRAME_SIZE: u64 = 0x20;
const MIN_ACK_DELAY: u64 = 0xff04_de1b;

/// One transport parameter: its number and its value.
type Parameter = (u64, Vec<u8>);

/// Read a variable-length integer ([RFC9000] 16); `None` if it is cut off.
fn variable(bytes: &mut &[u8]) -> Option<u64> {
    VarInt::decode(bytes).ok().map(VarInt::into_inner)
}

/// Return the parameters in their order; `None` if a length is wrong.
fn parse(mut bytes: &[u8]) -> Option<Vec<Parameter>> {
    let mut found = Vec::new();
    while bytes.has_remaining() {
        let number = variable(&mut bytes)?;
        let length = usize::try_from(variable(&mut bytes)?).ok()?;
        let value = bytes.get(..length)?;
        found.push((number, value.to_vec()));
        bytes.advance(length);
    }
    Some(found)
}

fn write(parameters: &[Parameter]) -> Vec<u8> {
    let mut bytes = Vec::new();
    for (number, value) in parameters {
        for integer in [*number, value.len() as u64] {
            VarInt::from_u64(integer)
                .expect("both were read from such an integer")
                .encode(&mut bytes);
        }
        bytes.extend_from_slice(value);
    }
    bytes
}

/// Return a server's own parameters for a client that was sent a Retry packet ([RFC9000] 7.3).
pub fn after_retry(own: &[u8], original_id: &[u8], retry_id: &[u8]) -> Vec<u8> {
    let mut parameters = parse(own).expect("the library writes what it can read");
    parameters.retain(|(number, _)| ![ORIGINAL_DESTINATION_ID, RETRY_SOURCE_ID].contains(number));
    parameters.push((ORIGINAL_DESTINATION_ID, original_id.to_vec()));
    parameters.push((RETRY_SOURCE_ID, retry_id.to_vec()));
    write(&parameters)
}

/// Return the parameters of a peer without the extensions that SMB does not use.
///
/// quinn-proto up to 0.11.13 panics on those two if their value is cut off.
/// `None` if the parameters as a whole cannot be read.
pub fn without_extensions(peers: &[u8]) -> Option<Vec<u8>> {
    let mut parameters = parse(peers)?;
    parameters.retain(|(number, _)| ![MAX_DATAGRAM_FRAME_SIZE, MIN_ACK_DELAY].contains(number));
    Some(write(&parameters))
}

/// Return the idle timeout that a peer announces, in milliseconds; 0 if it has none.
pub fn idle_timeout(peers: &[u8]) -> u64 {
    parse(peers)
        .into_iter()
        .flatten()
        .find(|(number, _)| *number == MAX_IDLE_TIMEOUT)
        .and_then(|(_, value)| variable(&mut value.as_slice()))
        .unwrap_or(0)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_retry_changes_both_connection_ids() {
        let own = write(&[(0, vec![1; 8]), (1, vec![0x80, 0, 0x75, 0x30]), (15, vec![2; 8])]);
        let changed = parse(&after_retry(&own, &[3; 8], &[4; 8])).unwrap();
        assert_eq!(changed.len(), 4);
        assert!(changed.contains(&(0, vec![3; 8])) && changed.contains(&(16, vec![4; 8])));
        assert_eq!(idle_timeout(&own), 30_000);
    }

    #[test]
    fn what_is_cut_off_is_refused() {
        assert_eq!(parse(&[0x01, 0x04, 0]), None);
        assert_eq!(without_extensions(&[0x40]), None);
        assert_eq!(idle_timeout(&[0x01, 0x01, 0x40]), 0);
    }

    #[test]
    fn extensions_are_left_out_even_if_they_are_cut_off() {
        let peers = write(&[(0x20, vec![0x40]), (MIN_ACK_DELAY, vec![]), (4, vec![9])]);
        assert_eq!(parse(&without_extensions(&peers).unwrap()), Some(vec![(4, vec![9])]));
    }
}
