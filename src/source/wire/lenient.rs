//! Decoding that cannot fail on one field: what has the wrong type is noted and skipped, not refused.
//!
//! Values are read into their place, because moving them costs as much as reading them.

use std::fmt;
use std::ops::Range;

use jiff::Timestamp;
use serde::de::{DeserializeSeed, Deserializer, IgnoredAny, MapAccess, SeqAccess, Visitor};

use crate::audit::seen::Uid;

/// From the beginning of Unix time, which kubelets write for a time they do not know, to the year 2200.
const YEARS_SECONDS: Range<i64> = 0..7_258_118_400;

/// A list is given room for this much at first: for one container, or for all conditions.
const FIRST_RESERVED_BYTES: usize = 256;

/// A field as it arrived.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub enum Field<T> {
    /// Left out or null.
    #[default]
    Absent,
    /// Of another type than the API's, or a text that does not parse.
    Wrong,
    Is(T),
}

impl<T> Field<T> {
    /// The value, if there is one.
    #[must_use]
    pub const fn get(&self) -> Option<&T> {
        match self {
            Self::Is(value) => Some(value),
            Self::Absent | Self::Wrong => None,
        }
    }
}

/// A part of an object that is empty where it is absent.
#[derive(Debug, Clone, Default)]
pub struct Record<T> {
    pub value: T,
    /// Of another type than an object.
    pub is_wrong: bool,
}

/// A list whose elements may each be wrong.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct List<T> {
    pub items: Vec<T>,
}

/// A place into which any JSON value can be read. Null leaves it as it is.
pub trait Slot {
    fn text(&mut self, text: &str);

    fn number(&mut self, number: i64);

    fn flag(&mut self, flag: bool);

    /// A value that no place takes.
    fn refuse(&mut self);

    /// An object begins; without fields to read it into it is skipped.
    fn object(&mut self) -> Option<&mut dyn Fields>;

    /// A list begins; without elements to read it into it is skipped.
    fn list(&mut self) -> Option<&mut dyn Elements>;
}

/// The fields of an object by their keys.
pub trait Fields {
    fn slot(&mut self, key: &str) -> Option<&mut dyn Slot>;
}

/// The elements of a list.
pub trait Elements {
    fn push(&mut self) -> &mut dyn Slot;
}

/// An object of the API, or a part of one.
pub trait Object: Fields + Default {}

impl<T: Fields + Default> Object for T {}

/// What a value can be read from; each reading that a type does not know yields nothing.
pub trait Lenient: Sized {
    fn from_text(_text: &str) -> Option<Self> {
        None
    }

    fn from_number(_number: i64) -> Option<Self> {
        None
    }

    fn from_flag(_flag: bool) -> Option<Self> {
        None
    }

    fn from_object() -> Option<Self> {
        None
    }

    fn from_list() -> Option<Self> {
        None
    }

    fn fields(&mut self) -> Option<&mut dyn Fields> {
        None
    }

    fn elements(&mut self) -> Option<&mut dyn Elements> {
        None
    }
}

impl<T: Object> Lenient for T {
    fn from_object() -> Option<Self> {
        Some(Self::default())
    }

    fn fields(&mut self) -> Option<&mut dyn Fields> {
        Some(self)
    }
}

impl<T> Field<T> {
    fn set(&mut self, value: Option<T>) -> Option<&mut T> {
        *self = value.map_or(Self::Wrong, Self::Is);
        match self {
            Self::Is(value) => Some(value),
            Self::Absent | Self::Wrong => None,
        }
    }
}

impl<T: Lenient> Slot for Field<T> {
    fn text(&mut self, text: &str) {
        self.set(T::from_text(text));
    }

    fn number(&mut self, number: i64) {
        self.set(T::from_number(number));
    }

    fn flag(&mut self, flag: bool) {
        self.set(T::from_flag(flag));
    }

    fn refuse(&mut self) {
        self.set(None);
    }

    fn object(&mut self) -> Option<&mut dyn Fields> {
        self.set(T::from_object())?.fields()
    }

    fn list(&mut self) -> Option<&mut dyn Elements> {
        self.set(T::from_list())?.elements()
    }
}

impl<T: Object> Slot for Record<T> {
    fn text(&mut self, _text: &str) {
        self.refuse();
    }

    fn number(&mut self, _number: i64) {
        self.refuse();
    }

    fn flag(&mut self, _flag: bool) {
        self.refuse();
    }

    fn refuse(&mut self) {
        self.is_wrong = true;
    }

    fn object(&mut self) -> Option<&mut dyn Fields> {
        Some(&mut self.value)
    }

    fn list(&mut self) -> Option<&mut dyn Elements> {
        self.refuse();
        None
    }
}

impl<'de, T: Object> serde::Deserialize<'de> for Record<T> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let mut record = Self::default();
        Fill(&mut record).deserialize(deserializer)?;
        Ok(record)
    }
}

/// Reads one value into its slot. It knows no type but `Slot`: a reader for each type was 94 KB of
/// code, and a tenth slower.
struct Fill<'a>(&'a mut dyn Slot);

impl<'de> DeserializeSeed<'de> for Fill<'_> {
    type Value = ();

    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<(), D::Error> {
        deserializer.deserialize_any(self)
    }
}

impl<'de> Visitor<'de> for Fill<'_> {
    type Value = ();

    fn expecting(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str("any value")
    }

    fn visit_str<E>(self, text: &str) -> Result<(), E> {
        self.0.text(text);
        Ok(())
    }

    fn visit_i64<E>(self, number: i64) -> Result<(), E> {
        self.0.number(number);
        Ok(())
    }

    fn visit_u64<E>(self, number: u64) -> Result<(), E> {
        match i64::try_from(number) {
            Ok(number) => self.0.number(number),
            Err(_) => self.0.refuse(),
        }
        Ok(())
    }

    fn visit_f64<E>(self, _number: f64) -> Result<(), E> {
        self.0.refuse();
        Ok(())
    }

    fn visit_bool<E>(self, flag: bool) -> Result<(), E> {
        self.0.flag(flag);
        Ok(())
    }

    fn visit_unit<E>(self) -> Result<(), E> {
        Ok(())
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<(), A::Error> {
        let Some(fields) = self.0.object() else {
            return IgnoredAny.visit_map(map).map(|_| ());
        };
        while let Some(slot) = map.next_key_seed(Find(&mut *fields))? {
            match slot {
                Some(slot) => map.next_value_seed(Fill(slot))?,
                None => {
                    map.next_value::<IgnoredAny>()?;
                }
            }
        }
        Ok(())
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut list: A) -> Result<(), A::Error> {
        let Some(elements) = self.0.list() else {
            return IgnoredAny.visit_seq(list).map(|_| ());
        };
        while list.next_element_seed(Push(&mut *elements))?.is_some() {}
        Ok(())
    }
}

/// Reads a key and finds the slot of its value.
struct Find<'a>(&'a mut dyn Fields);

impl<'de, 'a> DeserializeSeed<'de> for Find<'a> {
    type Value = Option<&'a mut dyn Slot>;

    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<Self::Value, D::Error> {
        deserializer.deserialize_identifier(self)
    }
}

impl<'a> Visitor<'_> for Find<'a> {
    type Value = Option<&'a mut dyn Slot>;

    fn expecting(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str("a key")
    }

    fn visit_str<E>(self, key: &str) -> Result<Self::Value, E> {
        Ok(self.0.slot(key))
    }
}

/// Reads one more element of a list.
struct Push<'a>(&'a mut dyn Elements);

impl<'de> DeserializeSeed<'de> for Push<'_> {
    type Value = ();

    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<(), D::Error> {
        Fill(self.0.push()).deserialize(deserializer)
    }
}

impl Lenient for Box<str> {
    fn from_text(text: &str) -> Option<Self> {
        Some(text.into())
    }
}

impl Lenient for i64 {
    fn from_number(number: i64) -> Option<Self> {
        Some(number)
    }
}

impl Lenient for i32 {
    fn from_number(number: i64) -> Option<Self> {
        number.try_into().ok()
    }
}

impl Lenient for u32 {
    fn from_number(number: i64) -> Option<Self> {
        number.try_into().ok()
    }
}

impl Lenient for bool {
    fn from_flag(flag: bool) -> Option<Self> {
        Some(flag)
    }
}

impl Lenient for Uid {
    fn from_text(text: &str) -> Option<Self> {
        Self::parse(text)
    }
}

impl Lenient for Timestamp {
    /// RFC 3339 with up to nine digits of a second, of a time at which a cluster can have been.
    fn from_text(text: &str) -> Option<Self> {
        let at: Self = text.parse().ok()?;
        YEARS_SECONDS.contains(&at.as_second()).then_some(at)
    }
}

impl<T: Slot + Default> Lenient for List<T> {
    fn from_list() -> Option<Self> {
        Some(Self { items: Vec::new() })
    }

    fn elements(&mut self) -> Option<&mut dyn Elements> {
        Some(self)
    }
}

impl<T: Slot + Default> Elements for List<T> {
    fn push(&mut self) -> &mut dyn Slot {
        if self.items.len() == self.items.capacity() {
            let first = FIRST_RESERVED_BYTES / size_of::<T>().max(1);
            self.items.reserve_exact(self.items.len().max(first).max(1));
        }
        self.items.push_mut(T::default())
    }
}

/// Declares objects of the API: each field with the keys it is read from. A field that
/// comes twice counts as it came last; null says nothing.
macro_rules! records {
    ($(
        $(#[$doc:meta])*
        $name:ident { $( $(#[$field_doc:meta])* $field:ident: $kind:ty = $($key:literal)|+ ),+ $(,)? }
    )+) => {$(
        $(#[$doc])*
        #[derive(Debug, Clone, Default)]
        pub struct $name { $( $(#[$field_doc])* pub $field: $kind, )+ }

        impl $crate::source::wire::Fields for $name {
            fn slot(&mut self, key: &str) -> Option<&mut dyn $crate::source::wire::Slot> {
                Some(match key { $( $($key)|+ => &mut self.$field, )+ _ => return None })
            }
        }
    )+};
}
pub(super) use records;

#[cfg(test)]
#[expect(unreachable_pub, reason = "the macro declares what the API exports")]
mod tests {
    use super::*;

    records! {
        Sample {
            text: Field<Box<str>> = "text",
            number: Field<u32> = "number" | "digits",
            flag: Field<bool> = "flag",
            at: Field<Timestamp> = "at",
            list: Field<List<Field<Box<str>>>> = "list",
            inner: Record<Inner> = "inner",
        }
        Inner { text: Field<Box<str>> = "text" }
    }

    fn sample(json: &str) -> Sample {
        serde_json::from_str::<Record<Sample>>(json).unwrap().value
    }

    #[test]
    fn every_field_takes_every_json_type_without_failing() {
        let values = [
            "null",
            "true",
            "-1",
            "7",
            "18446744073709551615",
            "1.5e300",
            "\"x\"",
            "\"\\u0026\"",
            "[]",
            "[null,{\"a\":[1]}]",
            "{}",
            "{\"text\":{\"text\":[[]]}}",
        ];
        for field in ["text", "number", "flag", "at", "list", "inner", "unknown"] {
            for value in values {
                let json = format!("{{\"{field}\":{value},\"flag\":true}}");
                if field == "flag" {
                    continue;
                }
                assert_eq!(sample(&json).flag, Field::Is(true), "{json}");
            }
        }
    }

    #[test]
    fn a_wrong_type_is_told_from_an_absent_field() {
        let sample =
            sample(r#"{"text":5,"number":-1,"list":["a",7],"at":"yesterday","inner":null}"#);
        assert_eq!(sample.text, Field::Wrong);
        assert_eq!(sample.number, Field::Wrong);
        assert_eq!(sample.at, Field::Wrong);
        assert_eq!(sample.flag, Field::Absent);
        assert!(!sample.inner.is_wrong);
        let list = List {
            items: vec![Field::Is("a".into()), Field::Wrong],
        };
        assert_eq!(sample.list, Field::Is(list));
    }
}
