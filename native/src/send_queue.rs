//! The bytes of the stream that wait to be sent, and the count of those that the peer lacks.

use std::collections::VecDeque;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use bytes::Bytes;

/// Bytes of the pieces that quinn is given: it frees a piece once all of it is acknowledged.
const PIECE: usize = 64 << 10;

/// A piece of the stream, which is not counted any more once quinn frees it.
struct Counted {
    data: Bytes,
    count: Arc<AtomicUsize>,
}

impl AsRef<[u8]> for Counted {
    fn as_ref(&self) -> &[u8] {
        &self.data
    }
}

impl Drop for Counted {
    fn drop(&mut self) {
        self.count.fetch_sub(self.data.len(), Ordering::Relaxed);
    }
}

/// Bytes that were written: first here, then in quinn until they are acknowledged.
#[derive(Default)]
pub struct SendQueue {
    waiting: VecDeque<Bytes>,
    rest: Option<Bytes>,
    unsent: usize,
    given: Arc<AtomicUsize>,
}

impl SendQueue {
    /// Append bytes that do not change any more.
    pub fn add(&mut self, mut data: Bytes) {
        self.unsent += data.len();
        while !data.is_empty() {
            self.waiting.push_back(data.split_to(PIECE.min(data.len())));
        }
    }

    /// Bytes that quinn was not offered yet.
    pub fn unsent(&self) -> usize {
        self.unsent
    }

    /// Bytes of the pieces that quinn was offered and that are not acknowledged to their end.
    pub fn given(&self) -> usize {
        self.given.load(Ordering::Relaxed)
    }

    /// Remove the next piece, which counts as given as long as it lives.
    pub fn next(&mut self) -> Option<Bytes> {
        if let Some(rest) = self.rest.take() {
            return Some(rest);
        }
        let data = self.waiting.pop_front()?;
        self.unsent -= data.len();
        self.given.fetch_add(data.len(), Ordering::Relaxed);
        Some(Bytes::from_owner(Counted { data, count: self.given.clone() }))
    }

    /// Put back what quinn did not take of the last piece.
    pub fn put_back(&mut self, rest: Bytes) {
        self.rest = Some(rest);
    }

    /// Free what quinn does not have.
    pub fn clear(&mut self) {
        self.waiting.clear();
        self.rest = None;
        self.unsent = 0;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_piece_counts_until_the_last_part_of_it_is_freed() {
        let mut queue = SendQueue::default();
        queue.add(Bytes::from(vec![7; PIECE + 1]));
        assert_eq!((queue.unsent(), queue.given()), (PIECE + 1, 0));
        let mut piece = queue.next().unwrap();
        let rest = piece.split_off(10);
        queue.put_back(rest);
        drop(piece);
        assert_eq!((queue.unsent(), queue.given()), (1, PIECE));
        assert_eq!(queue.next().map(|rest| rest.len()), Some(PIECE - 10));
        assert_eq!(queue.given(), 0);
        queue.clear();
        assert!(queue.next().is_none());
    }
}
