//! What is read in a peer's packets before quinn-proto takes them: gaps, and counts of ECN.
//!
//! quinn-proto up to 0.11.14 keeps what comes before a gap is closed in as many pieces as the peer
//! makes: each takes some 60 bytes, and it goes through all of them every few frames
//! (RUSTSEC-2026-0185). What is decrypted is looked at here first: a packet that would make too
//! many gaps counts as lost, so nothing of it is kept, and it is not acknowledged. The counts of ECN
//! that the peer reports are kept on the way, as quinn-proto does not tell them.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, PoisonError};

use bytes::{Buf, BytesMut};
use quinn_proto::VarInt;
use quinn_proto::coding::Codec;
use quinn_proto::crypto::{CryptoError, PacketKey};

/// Gaps that there may be at once: one follows each loss, and there are some 11,000 packets in the
/// largest window.
const MOST: usize = 1024;

/// How many packets had each codepoint of ECN: ECT(0), ECT(1) and CE ([RFC9000] 19.3.2).
pub type EcnCounts = (u64, u64, u64);

/// What a frame says that is looked at here.
enum Found {
    /// Where data of the stream begins and ends: there is one stream.
    Data(u64, u64),
    Ecn(EcnCounts),
}

/// What has arrived of the stream. It has to be what quinn has taken, so that what quinn drops is
/// refused here: packets before the handshake is complete, and packet numbers that were used.
#[derive(Default)]
pub struct Received {
    /// Ranges with gaps between them, by their starts.
    ranges: BTreeMap<u64, u64>,
    /// Whether the handshake is complete.
    pub complete: bool,
    next_number: u64,
    /// The numbers before the highest one that were used, the closest in the lowest bit.
    numbers: u128,
    /// How the peer has received our 1-RTT packets, if it says so.
    pub reported: Option<EcnCounts>,
}

impl Received {
    /// Return whether a packet with this number and these frames may be taken.
    fn take(&mut self, number: u64, frames: &[u8]) -> bool {
        self.complete && self.is_new(number) && self.take_frames(frames)
    }

    fn is_new(&mut self, number: u64) -> bool {
        if number >= self.next_number {
            let shift = u32::try_from(number - self.next_number).unwrap_or(u32::MAX);
            let before = if self.next_number == 0 { 0 } else { (self.numbers << 1) | 1 };
            self.numbers = before.checked_shl(shift).unwrap_or(0);
            self.next_number = number + 1;
            return true;
        }
        let Some(place) = (self.next_number - 1 - number).checked_sub(1) else {
            return false;
        };
        let bit = u32::try_from(place).ok().and_then(|place| 1_u128.checked_shl(place));
        match bit {
            Some(bit) if self.numbers & bit == 0 => {
                self.numbers |= bit;
                true
            }
            _ => false,
        }
    }

    fn take_frames(&mut self, frames: &[u8]) -> bool {
        let room = MOST + 1;
        // A frame with data has four bytes at least; mostly they need not be counted.
        let mut count = frames.len() / 4;
        if self.ranges.len() + count > room {
            count = 0;
            each_found(frames, |found| count += usize::from(matches!(found, Found::Data(..))));
        }
        let before = (self.ranges.len() + count > room).then(|| self.ranges.clone());
        let mut reported = None;
        let read = each_found(frames, |found| match found {
            Found::Data(start, end) => self.add(start, end),
            Found::Ecn(counts) => reported = Some(counts),
        });
        if read.is_none() {
            // quinn ends the connection for such a frame.
            return true;
        }
        match before {
            // All of a packet is taken, or nothing. What closes gaps is always taken.
            Some(before) if self.ranges.len() > before.len().max(room) => {
                self.ranges = before;
                false
            }
            _ => {
                if let Some(counts) = reported {
                    self.report(counts);
                }
                true
            }
        }
    }

    /// Keep the counts of a report; they only grow, and an earlier one may arrive later.
    fn report(&mut self, counts: EcnCounts) {
        let known = self.reported.unwrap_or_default();
        self.reported = Some((known.0.max(counts.0), known.1.max(counts.1), known.2.max(counts.2)));
    }

    /// Add the bytes from `start` on to what has arrived.
    fn add(&mut self, mut start: u64, mut end: u64) {
        // Mostly they are the next ones.
        if let Some(mut last) = self.ranges.last_entry() {
            if *last.get() == start {
                *last.get_mut() = end;
                return;
            }
        }
        // All that overlaps or touches it becomes one range with it.
        while let Some((&first, &last)) = self.ranges.range(..=end).next_back() {
            if last < start {
                break;
            }
            self.ranges.remove(&first);
            start = start.min(first);
            end = end.max(last);
        }
        self.ranges.insert(start, end);
    }
}

/// Call `found` with what each STREAM and ACK frame says.
///
/// `None` if a frame is unknown or cut off.
fn each_found(mut rest: &[u8], mut found: impl FnMut(Found)) -> Option<()> {
    while rest.has_remaining() {
        match number(&mut rest)? {
            // PADDING, PING, HANDSHAKE_DONE, IMMEDIATE_ACK
            0x00 | 0x01 | 0x1e | 0x1f => {}
            0x02 => acknowledgement(&mut rest)?,
            0x03 => {
                acknowledgement(&mut rest)?;
                found(Found::Ecn((number(&mut rest)?, number(&mut rest)?, number(&mut rest)?)));
            }
            // RESET_STREAM
            0x04 => numbers(&mut rest, 3)?,
            // STOP_SENDING, MAX_STREAM_DATA, STREAM_DATA_BLOCKED
            0x05 | 0x11 | 0x15 => numbers(&mut rest, 2)?,
            // CRYPTO
            0x06 => {
                number(&mut rest)?;
                data(&mut rest)?;
            }
            // NEW_TOKEN
            0x07 => {
                data(&mut rest)?;
            }
            kind @ 0x08..=0x0f => {
                let (start, end) = stream(&mut rest, kind)?;
                if start < end {
                    found(Found::Data(start, end));
                }
            }
            // MAX_DATA, MAX_STREAMS, DATA_BLOCKED, STREAMS_BLOCKED, RETIRE_CONNECTION_ID
            0x10 | 0x12..=0x14 | 0x16 | 0x17 | 0x19 => numbers(&mut rest, 1)?,
            // NEW_CONNECTION_ID
            0x18 => {
                numbers(&mut rest, 2)?;
                let size = usize::from(*rest.first()?);
                skip(&mut rest, 1 + size + 16)?;
            }
            // PATH_CHALLENGE, PATH_RESPONSE
            0x1a | 0x1b => skip(&mut rest, 8)?,
            // CONNECTION_CLOSE
            kind @ 0x1c..=0x1d => {
                numbers(&mut rest, if kind == 0x1c { 2 } else { 1 })?;
                data(&mut rest)?;
            }
            // ACK_FREQUENCY
            0xaf => numbers(&mut rest, 4)?,
            _ => return None,
        }
    }
    Some(())
}

/// Read an ACK frame up to the counts of ECN ([RFC9000] 19.3).
fn acknowledgement(rest: &mut &[u8]) -> Option<()> {
    numbers(rest, 2)?;
    let ranges = number(rest)?;
    number(rest)?;
    for _ in 0..ranges {
        numbers(rest, 2)?;
    }
    Some(())
}

/// Read a STREAM frame ([RFC9000] 19.8): where its data begins and ends.
fn stream(rest: &mut &[u8], kind: u64) -> Option<(u64, u64)> {
    number(rest)?;
    let start = if kind & 0x04 == 0 { 0 } else { number(rest)? };
    let size = if kind & 0x02 == 0 {
        let size = rest.len();
        skip(rest, size)?;
        size
    } else {
        data(rest)?
    };
    Some((start, start + size as u64))
}

fn number(rest: &mut &[u8]) -> Option<u64> {
    VarInt::decode(rest).ok().map(VarInt::into_inner)
}

fn numbers(rest: &mut &[u8], count: usize) -> Option<()> {
    for _ in 0..count {
        number(rest)?;
    }
    Some(())
}

/// Read data with its length before it; return the length.
fn data(rest: &mut &[u8]) -> Option<usize> {
    let size = usize::try_from(number(rest)?).ok()?;
    skip(rest, size)?;
    Some(size)
}

fn skip(rest: &mut &[u8], count: usize) -> Option<()> {
    *rest = rest.get(count..)?;
    Some(())
}

/// The key of a peer's 1-RTT packets, which takes none that makes too many gaps.
pub struct BoundedKey {
    key: Box<dyn PacketKey>,
    received: Arc<Mutex<Received>>,
}

impl BoundedKey {
    pub fn new(key: Box<dyn PacketKey>, received: Arc<Mutex<Received>>) -> Self {
        Self { key, received }
    }
}

impl PacketKey for BoundedKey {
    fn encrypt(&self, packet: u64, buf: &mut [u8], header_len: usize) {
        self.key.encrypt(packet, buf, header_len);
    }

    fn decrypt(
        &self,
        packet: u64,
        header: &[u8],
        payload: &mut BytesMut,
    ) -> Result<(), CryptoError> {
        self.key.decrypt(packet, header, payload)?;
        let mut received = self.received.lock().unwrap_or_else(PoisonError::into_inner);
        if received.take(packet, payload) { Ok(()) } else { Err(CryptoError) }
    }

    fn tag_len(&self) -> usize {
        self.key.tag_len()
    }

    fn confidentiality_limit(&self) -> u64 {
        self.key.confidentiality_limit()
    }

    fn integrity_limit(&self) -> u64 {
        self.key.integrity_limit()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn complete() -> Received {
        Received { complete: true, ..Received::default() }
    }

    fn stream_frame(offset: usize, size: u8) -> Vec<u8> {
        let mut frame = vec![0x0e, 0];
        VarInt::from_u32(u32::try_from(offset).unwrap()).encode(&mut frame);
        frame.push(size);
        frame.extend(vec![7; usize::from(size)]);
        frame
    }

    #[test]
    fn gaps_are_closed_by_what_fills_them() {
        let mut received = complete();
        for (number, (offset, size)) in
            (0..).zip([(0, 10), (20, 10), (40, 10), (5, 17), (30, 10), (0, 3)])
        {
            assert!(received.take(number, &stream_frame(offset, size)));
        }
        assert_eq!(received.ranges, BTreeMap::from([(0, 50)]));
    }

    #[test]
    fn a_packet_that_makes_too_many_gaps_is_refused_as_a_whole() {
        let mut received = complete();
        for index in 0..=MOST {
            assert!(received.take(index as u64, &stream_frame(index * 2 + 1, 1)));
        }
        let many = [
            stream_frame(0, 10),
            stream_frame(9000, 1),
            stream_frame(9002, 1),
            stream_frame(9004, 1),
            stream_frame(9006, 1),
            stream_frame(9008, 1),
            stream_frame(9010, 1),
        ];
        let before = received.ranges.clone();
        assert!(!received.take(5000, &many.concat()));
        assert_eq!(received.ranges, before);
        // What comes next in order, at the front or at the end, makes none.
        assert!(received.take(5001, &stream_frame(MOST * 2 + 2, 5)));
        assert!(received.take(5002, &stream_frame(0, 5)));
        assert_eq!(received.ranges.len(), MOST - 1);
    }

    #[test]
    fn a_number_that_was_used_is_refused() {
        let mut received = complete();
        for number in [0, 1, 5, 3, 4, 2, 200, 199, 72] {
            assert!(received.is_new(number), "{number}");
        }
        for number in [0, 1, 2, 3, 4, 5, 71, 72, 199, 200] {
            assert!(!received.is_new(number), "{number}");
        }
        assert!(received.is_new(u64::MAX >> 2) && !received.is_new(201));
    }

    #[test]
    fn nothing_is_taken_before_the_handshake_is_complete() {
        assert!(!Received::default().take(0, &stream_frame(0, 10)));
    }

    #[test]
    fn other_frames_are_read_past() {
        let mut frames = vec![0, 1, 0x1e]; // PADDING, PING, HANDSHAKE_DONE
        frames.extend([0x03, 9, 0, 1, 2, 0, 1, 5, 6, 7]); // ACK with a second range and ECN
        frames.extend([0x04, 0, 1, 2, 0x05, 0, 1, 0x06, 0, 2, 8, 8, 0x07, 1, 8]);
        frames.extend([0x10, 1, 0x11, 0, 1, 0x12, 1, 0x13, 1, 0x14, 1, 0x15, 0, 1]);
        frames.extend([0x16, 1, 0x17, 1, 0x18, 1, 0, 4, 8, 8, 8, 8]);
        frames.extend([9; 16]);
        frames.extend([0x19, 1, 0x1a, 1, 2, 3, 4, 5, 6, 7, 8, 0x1b, 1, 2, 3, 4, 5, 6, 7, 8]);
        frames.extend([0x1c, 1, 0, 1, b'x', 0x1d, 1, 1, b'x', 0x1f, 0x40, 0xaf, 1, 2, 3, 4]);
        frames.extend(stream_frame(3, 4));
        frames.extend([0x08, 0, 1, 2]); // without offset and length: up to the end
        let mut pieces = Vec::new();
        let mut counts = Vec::new();
        let read = each_found(&frames, |found| match found {
            Found::Data(start, end) => pieces.push((start, end)),
            Found::Ecn(each) => counts.push(each),
        });
        assert!(read.is_some());
        assert_eq!(pieces, [(3, 7), (0, 2)]);
        assert_eq!(counts, [(5, 6, 7)]);
    }

    fn report(counts: [u8; 3]) -> Vec<u8> {
        [&[0x03, 9, 0, 0, 0], &counts[..]].concat()
    }

    #[test]
    fn the_largest_counts_of_ecn_are_kept() {
        let mut received = complete();
        assert!(received.take(0, &[0x02, 9, 0, 0, 0]));
        assert_eq!(received.reported, None);
        for (number, counts) in (1..).zip([[5, 0, 1], [9, 0, 2], [7, 1, 1]]) {
            assert!(received.take(number, &report(counts)));
        }
        assert_eq!(received.reported, Some((9, 1, 2)));
    }

    #[test]
    fn a_packet_that_is_refused_reports_nothing() {
        let mut received = Received::default();
        assert!(!received.take(0, &report([5, 0, 1])));
        received.complete = true;
        for index in 0..=MOST {
            assert!(received.take(index as u64, &stream_frame(index * 2 + 1, 1)));
        }
        assert!(!received.take(5000, &[report([5, 0, 1]), stream_frame(9000, 1)].concat()));
        assert_eq!(received.reported, None);
    }

    #[test]
    fn what_is_unknown_or_cut_off_is_left_to_quinn() {
        let whole = stream_frame(3, 4);
        for end in 1..whole.len() {
            assert!(each_found(&whole[..end], |_| ()).is_none());
        }
        let mut received = complete();
        assert!(received.take(0, &[&whole[..], &[0x21]].concat()));
    }
}
