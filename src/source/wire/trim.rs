//! Drops `managedFields` while the bytes arrive: two fifths of a pod, which nobody reads and which would
//! otherwise be copied, checked and skipped with all the rest.

use memchr::{memchr, memchr2_iter, memmem};

/// These bytes are a key wherever they stand: inside of a text the quotes would be escaped. A server
/// that writes blanks, or this key first, is only decoded more slowly.
const KEY: &[u8] = b",\"managedFields\":[";

/// Trims a body of JSON objects that comes in parts.
#[derive(Debug)]
pub struct Trimmer {
    key: memmem::Finder<'static>,
    /// The end of the last part if it may be the beginning of the key. It begins with a comma, and an
    /// object ends with a brace, so nothing is held when a body is over.
    held: Vec<u8>,
    inside: Option<Inside>,
}

/// Where in the value the last part ended.
#[derive(Debug, Default)]
struct Inside {
    depth: usize,
    in_text: bool,
    is_escaped: bool,
}

impl Default for Trimmer {
    fn default() -> Self {
        Self {
            key: memmem::Finder::new(KEY),
            held: Vec::new(),
            inside: None,
        }
    }
}

impl Trimmer {
    /// What is kept of the next part.
    #[must_use]
    pub fn trim(&mut self, part: &[u8]) -> Vec<u8> {
        let mut kept = Vec::with_capacity(self.held.len() + part.len());
        if self.held.is_empty() {
            self.trim_into(part, &mut kept);
        } else {
            let mut whole = std::mem::take(&mut self.held);
            whole.extend_from_slice(part);
            self.trim_into(&whole, &mut kept);
        }
        kept
    }

    fn trim_into(&mut self, mut part: &[u8], kept: &mut Vec<u8>) {
        loop {
            if let Some(inside) = &mut self.inside {
                let Some(length) = inside.skip(part) else {
                    return;
                };
                part = &part[length..];
                self.inside = None;
            }
            let Some(at) = self.key.find(part) else { break };
            kept.extend_from_slice(&part[..at]);
            part = &part[at + KEY.len()..];
            self.inside = Some(Inside::default());
        }
        let (whole, held) = part.split_at(part.len() - begun_bytes(part));
        kept.extend_from_slice(whole);
        self.held.extend_from_slice(held);
    }
}

/// How much at the end may be the beginning of the key.
fn begun_bytes(part: &[u8]) -> usize {
    let is_begun = |bytes: &usize| part.ends_with(&KEY[..*bytes]);
    (1..KEY.len()).rev().find(is_begun).unwrap_or_default()
}

impl Inside {
    /// The length up to and with the bracket that ends the value, if it is in this part.
    fn skip(&mut self, part: &[u8]) -> Option<usize> {
        let mut read = 0;
        for at in memchr2_iter(b'[', b']', part) {
            self.read(&part[read..at]);
            read = at;
            if self.in_text {
                continue;
            }
            if part[at] == b'[' {
                self.depth += 1;
            } else if self.depth == 0 {
                return Some(at + 1);
            } else {
                self.depth -= 1;
            }
        }
        self.read(&part[read..]);
        None
    }

    /// Learns from the quotes, escaped ones left out, whether a text has begun.
    ///
    /// Counting all of them and taking back the escaped ones is several times as fast as going from
    /// quote to quote: a compiler counts many bytes at once.
    fn read(&mut self, part: &[u8]) {
        let count = |quotes: u8, byte: &u8| quotes.wrapping_add(u8::from(*byte == b'"'));
        self.in_text ^= part.iter().fold(0, count) % 2 == 1;
        let mut rest = part;
        if self.is_escaped
            && let Some((first, others)) = part.split_first()
        {
            self.in_text ^= *first == b'"';
            self.is_escaped = false;
            rest = others;
        }
        while let Some(at) = memchr(b'\\', rest) {
            let Some(escaped) = rest.get(at + 1) else {
                self.is_escaped = true;
                return;
            };
            self.in_text ^= *escaped == b'"';
            rest = &rest[at + 2..];
        }
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use serde_json::{Value, json};

    use super::*;

    fn trimmed<'a>(parts: impl IntoIterator<Item = &'a [u8]>) -> Vec<u8> {
        let mut trimmer = Trimmer::default();
        parts
            .into_iter()
            .flat_map(|part| trimmer.trim(part))
            .collect()
    }

    fn without_managed_fields(value: &mut Value) {
        match value {
            Value::Object(map) => {
                map.remove("managedFields");
                map.values_mut().for_each(without_managed_fields);
            }
            Value::Array(list) => list.iter_mut().for_each(without_managed_fields),
            _ => {}
        }
    }

    fn text() -> impl Strategy<Value = String> {
        let piece = prop::sample::select(vec![
            "\\",
            "\"",
            "[",
            "]",
            "{",
            "}",
            ",",
            ":",
            "a",
            "\u{e9}",
            "\n",
            "managedFields",
            ",\"managedFields\":[",
            "]}",
        ]);
        prop::collection::vec(piece, 0..6).prop_map(|pieces| pieces.concat())
    }

    fn value() -> impl Strategy<Value = Value> {
        let leaf = prop_oneof![
            Just(json!(null)),
            Just(json!(7)),
            text().prop_map(Value::from)
        ];
        leaf.prop_recursive(4, 24, 4, |inner| {
            let fields = prop::collection::vec((text(), inner.clone()), 0..4);
            let list = prop::collection::vec(inner, 0..4);
            prop_oneof![
                list.clone().prop_map(Value::from),
                (fields, list).prop_map(|(fields, list)| {
                    let mut map: serde_json::Map<_, _> = fields.into_iter().collect();
                    // The API's key is never its object's first.
                    map.insert(String::new(), json!("first"));
                    map.insert("managedFields".to_owned(), Value::from(list));
                    Value::Object(map)
                }),
            ]
        })
    }

    proptest! {
        #[test]
        fn all_but_managed_fields_is_kept_wherever_a_body_is_split(
            value in value(),
            splits in prop::collection::vec(any::<prop::sample::Index>(), 0..6),
        ) {
            let mut value = json!({ "kind": "", "items": value });
            let json = value.to_string().into_bytes();
            let mut splits: Vec<usize> = splits.iter().map(|at| at.index(json.len())).collect();
            splits.extend([0, json.len()]);
            splits.sort_unstable();
            let parts = splits.windows(2).map(|ends| &json[ends[0]..ends[1]]);
            without_managed_fields(&mut value);
            prop_assert_eq!(
                String::from_utf8(trimmed(parts)).unwrap(),
                value.to_string()
            );
        }
    }

    #[test]
    fn a_list_and_a_watch_are_trimmed_object_by_object() {
        let object = r#"{"metadata":{"name":"a","managedFields":[{"k:{\"a\":\"]\"}":[]}]}}"#;
        let kept = r#"{"metadata":{"name":"a"}}"#;
        let list = format!("{{\"items\":[{object},{object}]}}");
        assert_eq!(
            trimmed([list.as_bytes()]),
            format!("{{\"items\":[{kept},{kept}]}}").into_bytes()
        );
        let watch = format!("{object}\n{object}\n");
        assert_eq!(
            trimmed([watch.as_bytes()]),
            format!("{kept}\n{kept}\n").into_bytes()
        );
    }

    #[test]
    fn a_line_is_never_held_back() {
        for line in ["{\"a\":[1,2]}\n", "{}\n", "\n"] {
            assert_eq!(trimmed([line.as_bytes()]), line.as_bytes());
        }
    }
}
