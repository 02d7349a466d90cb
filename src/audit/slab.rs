//! Rows under stable numbers.

const CHUNK_LENGTH: u32 = 256;

/// Rows in chunks, so that growing moves nothing and wastes at most one chunk.
#[derive(Debug)]
pub(super) struct Slab<T> {
    chunks: Vec<Vec<Option<T>>>,
    free: Vec<u32>,
    used_slots: u32,
}

impl<T> Slab<T> {
    pub(super) const fn new() -> Self {
        Self {
            chunks: Vec::new(),
            free: Vec::new(),
            used_slots: 0,
        }
    }

    pub(super) fn len(&self) -> usize {
        self.used_slots as usize - self.free.len()
    }

    /// Takes the slot freed last, else a new one.
    pub(super) fn insert(&mut self, row: T) -> u32 {
        if let Some(slot) = self.free.pop() {
            let (chunk, offset) = place(slot);
            self.chunks[chunk][offset] = Some(row);
            return slot;
        }
        let slot = self.used_slots;
        self.used_slots += 1;
        if slot.is_multiple_of(CHUNK_LENGTH) {
            self.chunks.push(Vec::with_capacity(CHUNK_LENGTH as usize));
        }
        self.chunks[place(slot).0].push(Some(row));
        slot
    }

    pub(super) fn get(&self, slot: u32) -> Option<&T> {
        let (chunk, offset) = place(slot);
        self.chunks.get(chunk)?.get(offset)?.as_ref()
    }

    pub(super) fn get_mut(&mut self, slot: u32) -> Option<&mut T> {
        let (chunk, offset) = place(slot);
        self.chunks.get_mut(chunk)?.get_mut(offset)?.as_mut()
    }

    pub(super) fn remove(&mut self, slot: u32) -> Option<T> {
        let (chunk, offset) = place(slot);
        let row = self.chunks.get_mut(chunk)?.get_mut(offset)?.take()?;
        self.free.push(slot);
        Some(row)
    }

    /// Every row with its slot, in the order of slots.
    pub(super) fn iter(&self) -> impl Iterator<Item = (u32, &T)> {
        (0..self.used_slots).filter_map(|slot| Some((slot, self.get(slot)?)))
    }
}

const fn place(slot: u32) -> (usize, usize) {
    (
        (slot / CHUNK_LENGTH) as usize,
        (slot % CHUNK_LENGTH) as usize,
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_freed_slot_is_used_again_before_a_new_one() {
        let mut slab = Slab::new();
        let slots: Vec<u32> = (0..600).map(|row| slab.insert(row)).collect();
        assert_eq!(slots.last(), Some(&599));
        assert_eq!(slab.remove(300), Some(300));
        assert_eq!(slab.remove(300), None);
        assert_eq!((slab.get(300), slab.len()), (None, 599));
        assert_eq!(slab.insert(7), 300);
        assert_eq!(slab.insert(8), 600);
        assert_eq!(slab.iter().count(), 601);
    }
}
