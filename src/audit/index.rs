//! The two hash tables of the core. Neither can be iterated, so their order cannot leak into a result.

use std::fmt;
use std::hash::Hasher;
use std::num::NonZeroU32;

use foldhash::SharedSeed;
use foldhash::quality::FoldHasher;
use hashbrown::HashTable;

use super::seen::Uid;
use super::slab::Slab;

/// Finds a row by uid. The uids stay in the rows, which the caller shows by `uid_of`.
#[derive(Debug)]
pub struct UidIndex {
    hash: KeyedHash,
    slots: HashTable<u32>,
}

impl UidIndex {
    #[must_use]
    pub fn new(seed: u64) -> Self {
        Self {
            hash: KeyedHash::new(seed),
            slots: HashTable::new(),
        }
    }

    #[must_use]
    pub fn len(&self) -> usize {
        self.slots.len()
    }

    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.slots.is_empty()
    }

    /// The slot of the row with this uid.
    #[must_use]
    pub fn get(&self, uid: Uid, uid_of: impl Fn(u32) -> Uid) -> Option<u32> {
        self.slots
            .find(self.hash.of_uid(uid), |&slot| uid_of(slot) == uid)
            .copied()
    }

    /// Adds a row whose uid is not there yet.
    pub fn insert(&mut self, uid: Uid, slot: u32, uid_of: impl Fn(u32) -> Uid) {
        let hash = &self.hash;
        self.slots
            .insert_unique(hash.of_uid(uid), slot, |&slot| hash.of_uid(uid_of(slot)));
    }

    /// Forgets the row with this uid, which must still be shown by `uid_of`, and returns its slot.
    pub fn remove(&mut self, uid: Uid, uid_of: impl Fn(u32) -> Uid) -> Option<u32> {
        self.slots
            .find_entry(self.hash.of_uid(uid), |&slot| uid_of(slot) == uid)
            .ok()
            .map(|entry| entry.remove().0)
    }
}

/// A string in a [`SymbolTable`].
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Symbol(NonZeroU32);

impl Symbol {
    pub(super) const MIN: Self = Self(NonZeroU32::MIN);
    pub(super) const MAX: Self = Self(NonZeroU32::MAX);

    const fn at(slot: u32) -> Self {
        Self(NonZeroU32::MIN.saturating_add(slot))
    }

    const fn slot(self) -> u32 {
        self.0.get() - 1
    }
}

/// Strings kept once, each for as long as something refers to it.
#[derive(Debug)]
pub struct SymbolTable {
    hash: KeyedHash,
    slots: HashTable<u32>,
    texts: Slab<Text>,
}

#[derive(Debug)]
struct Text {
    text: Box<str>,
    references: u32,
}

const _: () = assert!(size_of::<Option<Text>>() == 24);

impl SymbolTable {
    #[must_use]
    pub fn new(seed: u64) -> Self {
        Self {
            hash: KeyedHash::new(seed),
            slots: HashTable::new(),
            texts: Slab::new(),
        }
    }

    #[must_use]
    pub fn len(&self) -> usize {
        self.texts.len()
    }

    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// The symbol of `text`, with one more reference to it.
    pub fn intern(&mut self, text: &str) -> Symbol {
        if let Some(symbol) = self.get(text) {
            self.retain(symbol);
            return symbol;
        }
        let slot = self.texts.insert(Text {
            text: text.into(),
            references: 1,
        });
        let Self { hash, slots, texts } = self;
        slots.insert_unique(hash.of_text(text), slot, |&slot| {
            hash.of_text(text_at(texts, slot))
        });
        Symbol::at(slot)
    }

    /// The symbol of `text`, if something refers to it.
    #[must_use]
    pub fn get(&self, text: &str) -> Option<Symbol> {
        self.slots
            .find(self.hash.of_text(text), |&slot| {
                text_at(&self.texts, slot) == text
            })
            .map(|&slot| Symbol::at(slot))
    }

    /// The string; empty for a symbol that nothing refers to any more.
    #[must_use]
    pub fn resolve(&self, symbol: Symbol) -> &str {
        text_at(&self.texts, symbol.slot())
    }

    /// Adds a reference.
    pub fn retain(&mut self, symbol: Symbol) {
        if let Some(text) = self.texts.get_mut(symbol.slot()) {
            text.references += 1;
        }
    }

    /// Drops a reference, and the string with the last one.
    pub fn release(&mut self, symbol: Symbol) {
        let slot = symbol.slot();
        let Some(text) = self.texts.get_mut(slot) else {
            return;
        };
        text.references -= 1;
        if text.references > 0 {
            return;
        }
        let hash = self.hash.of_text(&text.text);
        if let Ok(entry) = self.slots.find_entry(hash, |&other| other == slot) {
            entry.remove();
        }
        self.texts.remove(slot);
    }

    /// Makes `symbol` stand for `text`.
    pub fn replace(&mut self, symbol: &mut Symbol, text: &str) {
        if self.resolve(*symbol) != text {
            let new = self.intern(text);
            self.release(std::mem::replace(symbol, new));
        }
    }
}

fn text_at(texts: &Slab<Text>, slot: u32) -> &str {
    texts.get(slot).map_or("", |text| &text.text)
}

const TAIL_LENGTH_MAX: usize = 11;

/// A name in 16 bytes: a shared base as a symbol, and the tail that is its own.
#[derive(Debug, Clone, Copy)]
pub struct PackedName {
    base: Symbol,
    tail_length: u8,
    tail: [u8; TAIL_LENGTH_MAX],
}

const _: () = assert!(size_of::<PackedName>() == 16);

impl PackedName {
    /// Shares what `name` begins with in common with `model`, the name it was made from, if the rest fits.
    pub fn intern(symbols: &mut SymbolTable, name: &str, model: Option<&str>) -> Self {
        let common = model.map_or(0, |model| common_prefix_length(name, model));
        let rest = name.len() - common;
        let (base, own) = if common == 0 || rest > TAIL_LENGTH_MAX {
            (name, "")
        } else {
            name.split_at(common)
        };
        let mut tail = [0; TAIL_LENGTH_MAX];
        tail[..own.len()].copy_from_slice(own.as_bytes());
        Self {
            base: symbols.intern(base),
            tail_length: own.len().try_into().unwrap_or_default(),
            tail,
        }
    }

    /// Gives back the reference to the base.
    pub fn release(self, symbols: &mut SymbolTable) {
        symbols.release(self.base);
    }

    #[must_use]
    pub fn resolve<'a>(&'a self, symbols: &'a SymbolTable) -> Name<'a> {
        let tail = &self.tail[..usize::from(self.tail_length)];
        Name {
            base: symbols.resolve(self.base),
            tail: str::from_utf8(tail).unwrap_or_default(),
        }
    }

    /// The symbol of the shared part.
    #[must_use]
    pub const fn base(&self) -> Symbol {
        self.base
    }

    /// Every symbol that may be the base of this name, whatever it was modelled on.
    pub fn possible_bases(symbols: &SymbolTable, name: &str) -> impl Iterator<Item = Symbol> {
        (name.len().saturating_sub(TAIL_LENGTH_MAX)..=name.len())
            .filter_map(|length| symbols.get(name.get(..length)?))
    }
}

/// A name in its two parts; it displays as one, and compares with a string as one.
#[derive(Debug, Clone, Copy)]
pub struct Name<'a> {
    base: &'a str,
    tail: &'a str,
}

impl fmt::Display for Name<'_> {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(self.base)?;
        formatter.write_str(self.tail)
    }
}

impl PartialEq<str> for Name<'_> {
    fn eq(&self, other: &str) -> bool {
        other.strip_prefix(self.base) == Some(self.tail)
    }
}

impl From<Name<'_>> for Box<str> {
    fn from(name: Name<'_>) -> Self {
        [name.base, name.tail].concat().into()
    }
}

fn common_prefix_length(left: &str, right: &str) -> usize {
    let length = std::iter::zip(left.bytes(), right.bytes())
        .take_while(|(left, right)| left == right)
        .count();
    left.floor_char_boundary(length)
}

/// A hash under a key, because names are chosen by users.
struct KeyedHash {
    key: u64,
    shared: SharedSeed,
}

impl KeyedHash {
    fn new(seed: u64) -> Self {
        Self {
            key: seed.rotate_left(32),
            shared: SharedSeed::from_u64(seed),
        }
    }

    fn of_uid(&self, uid: Uid) -> u64 {
        let mut hasher = FoldHasher::with_seed(self.key, &self.shared);
        hasher.write_u128(uid.0);
        hasher.finish()
    }

    fn of_text(&self, text: &str) -> u64 {
        let mut hasher = FoldHasher::with_seed(self.key, &self.shared);
        hasher.write(text.as_bytes());
        hasher.finish()
    }
}

impl fmt::Debug for KeyedHash {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str("KeyedHash")
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use proptest::prelude::*;

    use super::*;

    #[test]
    fn a_name_shares_its_base_with_its_siblings() {
        let mut symbols = SymbolTable::new(1);
        let model = Some("checkout-7d9f5c6b8");
        let first = PackedName::intern(&mut symbols, "checkout-7d9f5c6b8-x2x7k", model);
        let second = PackedName::intern(&mut symbols, "checkout-7d9f5c6b8-q9w2z", model);
        assert_eq!(symbols.len(), 1);
        assert_eq!(
            first.resolve(&symbols).to_string(),
            "checkout-7d9f5c6b8-x2x7k"
        );
        assert!(second.resolve(&symbols) == *"checkout-7d9f5c6b8-q9w2z");
        assert!(second.resolve(&symbols) != *"checkout-7d9f5c6b8-x2x7k");
        first.release(&mut symbols);
        second.release(&mut symbols);
        assert!(symbols.is_empty());
    }

    #[test]
    fn a_name_cut_at_63_characters_still_shares_its_base() {
        let mut symbols = SymbolTable::new(1);
        let owner = "a".repeat(60);
        let pod = format!("{}x2x7k", &owner[..58]);
        let name = PackedName::intern(&mut symbols, &pod, Some(&owner));
        assert!(name.resolve(&symbols) == *pod);
        assert_eq!(symbols.resolve(name.base()).len(), 58);
    }

    proptest! {
        #[test]
        fn symbols_live_exactly_as_long_as_their_references(
            seed: u64,
            steps in prop::collection::vec((0_u8..3, "[a-c]{0,2}"), 0..200),
        ) {
            let mut table = SymbolTable::new(seed);
            let mut model: BTreeMap<String, u32> = BTreeMap::new();
            for (verb, text) in steps {
                match (verb, table.get(&text)) {
                    (0, _) => {
                        table.intern(&text);
                        *model.entry(text).or_default() += 1;
                    }
                    (1, Some(symbol)) => {
                        table.retain(symbol);
                        *model.entry(text).or_default() += 1;
                    }
                    (_, Some(symbol)) => {
                        prop_assert_eq!(table.resolve(symbol), &text);
                        table.release(symbol);
                        *model.entry(text).or_default() -= 1;
                    }
                    (_, None) => prop_assert!(!model.contains_key(&text)),
                }
                model.retain(|_, references| *references > 0);
                prop_assert_eq!(table.len(), model.len());
            }
            for (text, references) in model {
                let symbol = table.get(&text).expect("a text with references");
                for _ in 0..references {
                    table.release(symbol);
                }
            }
            prop_assert!(table.is_empty() && table.slots.is_empty());
        }

        #[test]
        fn any_name_is_read_back_and_found_whatever_its_model(
            name in "[a-c\u{e4}-]{0,20}",
            model in prop::option::of("[a-c\u{e4}-]{0,20}"),
        ) {
            let mut symbols = SymbolTable::new(0);
            let packed = PackedName::intern(&mut symbols, &name, model.as_deref());
            prop_assert_eq!(packed.resolve(&symbols).to_string(), name.clone());
            prop_assert!(PackedName::possible_bases(&symbols, &name).any(|base| base == packed.base()));
            packed.release(&mut symbols);
            prop_assert!(symbols.is_empty());
        }

        #[test]
        fn a_uid_leads_to_its_slot_until_it_is_removed(seed: u64, steps in prop::collection::vec(0_u128..40, 0..200)) {
            let mut index = UidIndex::new(seed);
            let mut model = std::collections::BTreeSet::new();
            let uid_of = |slot: u32| Uid(u128::from(slot) << 64);
            for step in steps {
                let (uid, slot) = (Uid(step << 64), u32::try_from(step).expect("small"));
                prop_assert_eq!(index.get(uid, uid_of), model.contains(&slot).then_some(slot));
                if model.insert(slot) {
                    index.insert(uid, slot, uid_of);
                } else {
                    model.remove(&slot);
                    prop_assert_eq!(index.remove(uid, uid_of), Some(slot));
                }
                prop_assert_eq!(index.len(), model.len());
            }
        }
    }
}
