//! Finds the connection that a datagram belongs to ([RFC9000] 5.2).

use std::collections::HashMap;
use std::ops::Range;

const LONG_HEADER: u8 = 0x80;

/// The number of a connection, and of the thread that has it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Owner {
    pub thread: usize,
    pub connection: u64,
}

/// The connections by the IDs that their peers may use. All IDs have the same size.
pub struct Table {
    id_size: usize,
    owners: HashMap<Vec<u8>, Owner>,
}

impl Table {
    pub fn new(id_size: usize) -> Self {
        Self { id_size, owners: HashMap::new() }
    }

    pub fn add(&mut self, id: &[u8], owner: Owner) {
        self.owners.insert(id.to_vec(), owner);
    }

    pub fn remove(&mut self, id: &[u8]) {
        self.owners.remove(id);
    }

    /// Return the parts of contiguous datagrams of `size` bytes, and who each part is for.
    ///
    /// Most often that is one. Nobody has those with long headers, which belong to handshakes.
    pub fn parts(&self, data: &[u8], size: usize) -> Vec<(Range<usize>, Option<Owner>)> {
        let mut parts: Vec<(Range<usize>, Option<Owner>)> = Vec::with_capacity(1);
        let mut last = None;
        for start in (0..data.len()).step_by(size.max(1)) {
            let end = data.len().min(start + size.max(1));
            let id = self.id_of(&data[start..end]);
            match parts.last_mut() {
                Some((range, _)) if id == last => range.end = end,
                _ => parts.push((start..end, id.and_then(|id| self.owners.get(id)).copied())),
            }
            last = id;
        }
        parts
    }

    /// Return the connection ID of a datagram with a short header ([RFC9000] 17.3.1).
    fn id_of<'a>(&self, datagram: &'a [u8]) -> Option<&'a [u8]> {
        datagram.first().filter(|first| *first & LONG_HEADER == 0)?;
        datagram.get(1..=self.id_size)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn table() -> Table {
        let mut table = Table::new(2);
        table.add(b"ab", Owner { thread: 0, connection: 1 });
        table.add(b"cd", Owner { thread: 1, connection: 2 });
        table
    }

    fn found(data: &[u8], size: usize) -> Vec<(Range<usize>, Option<u64>)> {
        let parts = table().parts(data, size);
        parts.into_iter().map(|(range, owner)| (range, owner.map(|each| each.connection))).collect()
    }

    #[test]
    fn datagrams_for_one_connection_stay_together() {
        assert_eq!(found(b"@ab1@ab2@ab", 4), [(0..11, Some(1))]);
    }

    #[test]
    fn datagrams_for_others_are_parted_from_them() {
        let data = b"@ab1@cd2@xy3\xc0ab4\xc0cd5@ab";
        let expected =
            [(0..4, Some(1)), (4..8, Some(2)), (8..12, None), (12..20, None), (20..23, Some(1))];
        assert_eq!(found(data, 4), expected);
    }

    #[test]
    fn what_is_too_short_for_an_id_belongs_to_nobody() {
        assert_eq!(found(b"", 0), []);
        assert_eq!(found(b"@a", 2), [(0..2, None)]);
        let mut table = table();
        table.remove(b"ab");
        assert_eq!(table.parts(b"@ab", 3), [(0..3, None)]);
    }
}
