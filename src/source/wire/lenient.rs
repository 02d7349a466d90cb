//! Decoding that cannot fail on one field: what has the wrong type is noted and skipped, not refused.
//!
//! Values are read into their place, because moving them costs as much as reading them.

use std::fmt;

use jiff::Timestamp;
use serde::de::{DeserializeSeed, Deserializer, IgnoredAny, MapAccess, SeqAccess, Visitor};

use crate::audit::observation::Uid;

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

/// A place into which any JSON value can be read.
pub trait Slot {
    /// # Errors
    /// Only where the input itself is broken.
    fn fill<'de, D: Deserializer<'de>>(&mut self, deserializer: D) -> Result<(), D::Error>;
}

/// Reads into a slot that is part of something else.
pub(in crate::source) struct Fill<'a, T>(pub &'a mut T);

impl<'de, T: Slot> DeserializeSeed<'de> for Fill<'_, T> {
    type Value = ();

    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<(), D::Error> {
        self.0.fill(deserializer)
    }
}

/// An object of the API, or a part of one.
pub trait Object: Default {
    /// # Errors
    /// Only where the input itself is broken.
    fn read<'de, A: MapAccess<'de>>(&mut self, map: A) -> Result<(), A::Error>;
}

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

    /// # Errors
    /// Only where the input itself is broken.
    fn read_map<'de, A: MapAccess<'de>>(
        field: &mut Field<Self>,
        mut map: A,
    ) -> Result<(), A::Error> {
        while map.next_entry::<IgnoredAny, IgnoredAny>()?.is_some() {}
        *field = Field::Wrong;
        Ok(())
    }

    /// # Errors
    /// Only where the input itself is broken.
    fn read_list<'de, A: SeqAccess<'de>>(
        field: &mut Field<Self>,
        mut list: A,
    ) -> Result<(), A::Error> {
        while list.next_element::<IgnoredAny>()?.is_some() {}
        *field = Field::Wrong;
        Ok(())
    }
}

impl<T: Object> Lenient for T {
    fn read_map<'de, A: MapAccess<'de>>(field: &mut Field<Self>, map: A) -> Result<(), A::Error> {
        *field = Field::Is(Self::default());
        match field {
            Field::Is(object) => object.read(map),
            Field::Absent | Field::Wrong => Ok(()),
        }
    }
}

impl<T: Lenient> Slot for Field<T> {
    fn fill<'de, D: Deserializer<'de>>(&mut self, deserializer: D) -> Result<(), D::Error> {
        deserializer.deserialize_any(FieldVisitor(self))
    }
}

struct FieldVisitor<'a, T>(&'a mut Field<T>);

impl<T> FieldVisitor<'_, T> {
    fn set(self, value: Option<T>) {
        *self.0 = value.map_or(Field::Wrong, Field::Is);
    }
}

impl<'de, T: Lenient> Visitor<'de> for FieldVisitor<'_, T> {
    type Value = ();

    fn expecting(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str("any value")
    }

    fn visit_str<E>(self, text: &str) -> Result<(), E> {
        self.set(T::from_text(text));
        Ok(())
    }

    fn visit_i64<E>(self, number: i64) -> Result<(), E> {
        self.set(T::from_number(number));
        Ok(())
    }

    fn visit_u64<E>(self, number: u64) -> Result<(), E> {
        self.set(i64::try_from(number).ok().and_then(T::from_number));
        Ok(())
    }

    fn visit_f64<E>(self, _number: f64) -> Result<(), E> {
        self.set(None);
        Ok(())
    }

    fn visit_bool<E>(self, flag: bool) -> Result<(), E> {
        self.set(T::from_flag(flag));
        Ok(())
    }

    fn visit_unit<E>(self) -> Result<(), E> {
        Ok(())
    }

    fn visit_map<A: MapAccess<'de>>(self, map: A) -> Result<(), A::Error> {
        T::read_map(self.0, map)
    }

    fn visit_seq<A: SeqAccess<'de>>(self, list: A) -> Result<(), A::Error> {
        T::read_list(self.0, list)
    }
}

impl<T: Object> Slot for Record<T> {
    fn fill<'de, D: Deserializer<'de>>(&mut self, deserializer: D) -> Result<(), D::Error> {
        deserializer.deserialize_any(RecordVisitor(self))
    }
}

struct RecordVisitor<'a, T>(&'a mut Record<T>);

impl<T> RecordVisitor<'_, T> {
    fn refuse<E>(self) -> Result<(), E> {
        self.0.is_wrong = true;
        Ok(())
    }
}

impl<'de, T: Object> Visitor<'de> for RecordVisitor<'_, T> {
    type Value = ();

    fn expecting(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str("any value")
    }

    fn visit_str<E>(self, _text: &str) -> Result<(), E> {
        self.refuse()
    }

    fn visit_i64<E>(self, _number: i64) -> Result<(), E> {
        self.refuse()
    }

    fn visit_u64<E>(self, _number: u64) -> Result<(), E> {
        self.refuse()
    }

    fn visit_f64<E>(self, _number: f64) -> Result<(), E> {
        self.refuse()
    }

    fn visit_bool<E>(self, _flag: bool) -> Result<(), E> {
        self.refuse()
    }

    fn visit_unit<E>(self) -> Result<(), E> {
        Ok(())
    }

    fn visit_map<A: MapAccess<'de>>(self, map: A) -> Result<(), A::Error> {
        self.0.value.read(map)
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut list: A) -> Result<(), A::Error> {
        while list.next_element::<IgnoredAny>()?.is_some() {}
        self.refuse()
    }
}

impl<'de, T: Object> serde::Deserialize<'de> for Record<T> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let mut record = Self::default();
        record.fill(deserializer)?;
        Ok(record)
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
    /// RFC 3339 with up to nine digits of a second.
    fn from_text(text: &str) -> Option<Self> {
        text.parse().ok()
    }
}

impl<T: Slot + Default> Lenient for List<T> {
    fn read_list<'de, A: SeqAccess<'de>>(
        field: &mut Field<Self>,
        mut list: A,
    ) -> Result<(), A::Error> {
        let mut items = Vec::new();
        loop {
            items.push(T::default());
            let Some(last) = items.last_mut() else { break };
            if list.next_element_seed(Fill(last))?.is_none() {
                items.pop();
                break;
            }
        }
        *field = Field::Is(Self { items });
        Ok(())
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

        impl $crate::source::wire::lenient::Object for $name {
            fn read<'de, A: serde::de::MapAccess<'de>>(&mut self, mut map: A) -> Result<(), A::Error> {
                #[allow(non_camel_case_types)]
                enum Key { $($field,)+ Unknown }

                struct KeyVisitor;

                impl<'de> serde::de::DeserializeSeed<'de> for KeyVisitor {
                    type Value = Key;

                    fn deserialize<D: serde::Deserializer<'de>>(self, deserializer: D) -> Result<Key, D::Error> {
                        deserializer.deserialize_identifier(self)
                    }
                }

                impl serde::de::Visitor<'_> for KeyVisitor {
                    type Value = Key;

                    fn expecting(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
                        formatter.write_str("a key")
                    }

                    fn visit_str<E>(self, key: &str) -> Result<Key, E> {
                        Ok(match key { $( $($key)|+ => Key::$field, )+ _ => Key::Unknown })
                    }
                }

                while let Some(found) = map.next_key_seed(KeyVisitor)? {
                    match found {
                        $( Key::$field => {
                            map.next_value_seed($crate::source::wire::lenient::Fill(&mut self.$field))?;
                        } )+
                        Key::Unknown => { map.next_value::<serde::de::IgnoredAny>()?; }
                    }
                }
                Ok(())
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
