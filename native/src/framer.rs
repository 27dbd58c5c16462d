//! Finds the messages in the stream, so that Python gets each large one whole, in one copy.
//!
//! Every message is preceded by a zero byte and its length in 3 bytes, big-endian ([MS-SMB2] 2.1).

use std::collections::VecDeque;

use bytes::{Buf, Bytes};

pub const PREFIX_SIZE: usize = 4;
const LARGEST_MESSAGE: usize = 0x00ff_ffff;
/// Bytes of the pieces that several small messages make together, at most.
const PIECE: usize = 64 << 10;
/// Bytes from which on a message is a piece of its own.
const LARGE: usize = 16 << 10;

/// A piece of the stream, in chunks.
#[derive(Debug, Default, PartialEq, Eq)]
pub struct Piece {
    pub chunks: Vec<Bytes>,
    pub size: usize,
    /// Whether it is one message with its prefix, and no more.
    pub whole: bool,
}

/// What was read and is no whole message yet.
#[derive(Default)]
pub struct Framer {
    chunks: VecDeque<Bytes>,
    size: usize,
    given_up: bool,
}

impl Framer {
    /// Bytes of the message of which the rest is awaited.
    pub fn partial(&self) -> usize {
        self.size
    }

    pub fn push(&mut self, chunk: Bytes) {
        self.size += chunk.len();
        self.chunks.push_back(chunk);
    }

    /// Remove the whole messages, or everything if there are no messages of up to `largest` bytes.
    pub fn pieces(&mut self, largest: usize) -> Vec<Piece> {
        let mut pieces: Vec<Piece> = Vec::new();
        while self.size > 0 {
            let Some(size) = self.next_size(largest) else {
                break;
            };
            let large = size > LARGE && !self.given_up;
            match pieces.last_mut() {
                Some(last) if !large && !last.whole && last.size + size <= PIECE => {
                    self.split(size, last);
                }
                _ => {
                    // A small one that comes alone is a piece of its own, too.
                    let whole = large || (size == self.size && !self.given_up);
                    let mut piece = Piece { whole, ..Piece::default() };
                    self.split(size, &mut piece);
                    pieces.push(piece);
                }
            }
        }
        pieces
    }

    /// Return the bytes of the next message with its prefix; `None` if some are missing.
    fn next_size(&mut self, largest: usize) -> Option<usize> {
        if !self.given_up {
            let length = self.length()?;
            if length <= largest.min(LARGEST_MESSAGE) {
                return (self.size >= PREFIX_SIZE + length).then_some(PREFIX_SIZE + length);
            }
            // The transport has to see it, to say what is wrong.
            self.given_up = true;
        }
        Some(self.size.min(PIECE))
    }

    fn length(&self) -> Option<usize> {
        let mut prefix = self.chunks.iter().flat_map(|chunk| chunk.iter());
        let mut length = 0;
        for _ in 0..PREFIX_SIZE {
            length = (length << 8) | usize::from(*prefix.next()?);
        }
        Some(length)
    }

    /// Move `size` bytes to `piece`.
    fn split(&mut self, size: usize, piece: &mut Piece) {
        let mut left = size;
        while left > 0 {
            let Some(front) = self.chunks.front_mut() else {
                break;
            };
            let count = left.min(front.len());
            piece.chunks.push(front.split_to(count));
            if !front.has_remaining() {
                self.chunks.pop_front();
            }
            left -= count;
        }
        piece.size += size - left;
        self.size -= size - left;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn message(length: usize) -> Vec<u8> {
        let prefix = u32::try_from(length).unwrap().to_be_bytes();
        [&prefix[..], &vec![7; length]].concat()
    }

    fn framer(bytes: &[u8], chunk: usize) -> Framer {
        let mut framer = Framer::default();
        for part in bytes.chunks(chunk) {
            framer.push(Bytes::copy_from_slice(part));
        }
        framer
    }

    fn sizes(pieces: &[Piece]) -> Vec<(usize, bool)> {
        pieces.iter().map(|piece| (piece.size, piece.whole)).collect()
    }

    #[test]
    fn small_messages_are_one_piece_and_a_large_one_another() {
        let stream = [message(10), message(0), message(LARGE), message(1)].concat();
        for chunk in [1, 3, 1000, stream.len()] {
            let mut framer = framer(&stream, chunk);
            let pieces = framer.pieces(1 << 20);
            assert_eq!(sizes(&pieces), [(18, false), (LARGE + 4, true), (5, true)]);
            assert_eq!(framer.partial(), 0);
            let joined: Vec<u8> = pieces.iter().flat_map(|piece| piece.chunks.concat()).collect();
            assert_eq!(joined, stream);
        }
    }

    #[test]
    fn the_rest_of_a_message_is_awaited() {
        let stream = message(100);
        for end in 0..stream.len() {
            let mut framer = framer(&stream[..end], 7);
            assert_eq!(framer.pieces(1000), []);
            assert_eq!(framer.partial(), end);
        }
    }

    #[test]
    fn what_is_no_message_is_passed_on_from_then_on() {
        for (stream, largest) in [(b"GET / HTTP/1.1".to_vec(), 1 << 20), (message(101), 100)] {
            let mut framer = framer(&stream, 5);
            assert_eq!(sizes(&framer.pieces(largest)), [(stream.len(), false)]);
            framer.push(Bytes::from_static(b"more"));
            assert_eq!(sizes(&framer.pieces(largest)), [(4, false)]);
        }
    }
}
