//! Lists of one resource: whether an object was in the last one, and so still lives.

use std::collections::BTreeMap;

use super::seen::Stream;

/// The lists of one resource. Streams may share it, each with a namespace of its own: one that is listed anew
/// says nothing of the others' objects.
#[derive(Debug, Clone, Default)]
pub struct Lists {
    begun: u32,
    /// By the namespace of a stream; `None` for all.
    streams: BTreeMap<Option<Box<str>>, Listing>,
}

#[derive(Debug, Clone, Copy, Default)]
struct Listing {
    /// When its last list began.
    epoch: u32,
    was_complete: bool,
}

/// A complete list.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct List {
    namespace: Option<Box<str>>,
    epoch: u32,
}

impl Lists {
    /// Counts the lists begun so far: an object that is seen now is marked with it.
    #[must_use]
    pub const fn epoch(&self) -> u32 {
        self.begun
    }

    /// A list begins. It may begin again before its end.
    pub fn begin(&mut self, stream: &Stream) {
        self.begun = self.begun.saturating_add(1);
        self.listing(stream).epoch = self.begun;
    }

    /// The list is complete; a first one need not have begun.
    pub fn complete(&mut self, stream: &Stream) -> List {
        let listing = self.listing(stream);
        listing.was_complete = true;
        List {
            epoch: listing.epoch,
            namespace: stream.namespace().map(Box::from),
        }
    }

    /// Whether all objects of the namespace were listed once.
    #[must_use]
    pub fn cover(&self, namespace: &str) -> bool {
        let mut complete = self
            .streams
            .iter()
            .filter(|(_, listing)| listing.was_complete);
        complete.any(|(own, _)| own.as_deref().is_none_or(|own| own == namespace))
    }

    fn listing(&mut self, stream: &Stream) -> &mut Listing {
        let namespace = stream.namespace().map(Box::from);
        self.streams.entry(namespace).or_default()
    }
}

impl List {
    /// Whether an object of this namespace that was seen last in this epoch would be in the list, and is not.
    #[must_use]
    pub fn misses(&self, namespace: &str, epoch: u32) -> bool {
        let is_listed = self.namespace.as_deref().is_none_or(|own| own == namespace);
        is_listed && epoch < self.epoch
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::audit::seen::Resource;

    fn pods(namespace: Option<&str>) -> Stream {
        let selector = namespace.map(|namespace| format!("metadata.namespace={namespace}").into());
        Stream {
            resource: Resource::Pods,
            selector,
        }
    }

    #[test]
    fn a_list_misses_what_was_seen_before_it_began_in_its_own_namespace() {
        let mut lists = Lists::default();
        let (shop, bank) = (pods(Some("shop")), pods(Some("bank")));
        assert!(!lists.complete(&shop).misses("shop", lists.epoch()));
        let before = lists.epoch();
        lists.begin(&shop);
        lists.begin(&bank);
        let list = lists.complete(&shop);
        assert!(list.misses("shop", before));
        assert!(!list.misses("bank", before));
        assert!(!list.misses("shop", lists.epoch()));
        assert!(lists.complete(&bank).misses("bank", before));
    }

    #[test]
    fn a_list_that_began_again_misses_what_only_its_first_beginning_told() {
        let mut lists = Lists::default();
        lists.begin(&pods(None));
        let told = lists.epoch();
        lists.begin(&pods(None));
        assert!(lists.complete(&pods(None)).misses("shop", told));
    }

    #[test]
    fn a_namespace_is_covered_by_its_own_list_or_by_that_of_all() {
        let mut lists = Lists::default();
        lists.complete(&pods(Some("shop")));
        assert!(lists.cover("shop") && !lists.cover("bank"));
        let mut lists = Lists::default();
        lists.begin(&pods(None));
        assert!(!lists.cover("bank"));
        lists.complete(&pods(None));
        assert!(lists.cover("bank"));
    }
}
