//! Decoding that cannot fail on one field: what has the wrong type is noted and skipped, not refused.

use std::fmt;
use std::marker::PhantomData;

use jiff::Timestamp;
use serde::de::{Deserialize, Deserializer, IgnoredAny, MapAccess, SeqAccess, Visitor};

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

impl<'de, T: Lenient + Default> Deserialize<'de> for Record<T> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        Ok(match Field::deserialize(deserializer)? {
            Field::Absent => Self::default(),
            Field::Wrong => Self {
                value: T::default(),
                is_wrong: true,
            },
            Field::Is(value) => Self {
                value,
                is_wrong: false,
            },
        })
    }
}

/// The elements of a list that have the right type.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct List<T> {
    pub items: Vec<T>,
    /// An element was null or of another type.
    pub has_wrong: bool,
}

/// What a value can be read from; each reading that a type does not know yields `None`.
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
    fn from_map<'de, A: MapAccess<'de>>(mut map: A) -> Result<Option<Self>, A::Error> {
        while map.next_entry::<IgnoredAny, IgnoredAny>()?.is_some() {}
        Ok(None)
    }

    /// # Errors
    /// Only where the input itself is broken.
    fn from_list<'de, A: SeqAccess<'de>>(mut list: A) -> Result<Option<Self>, A::Error> {
        while list.next_element::<IgnoredAny>()?.is_some() {}
        Ok(None)
    }
}

impl<'de, T: Lenient> Deserialize<'de> for Field<T> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_any(FieldVisitor(PhantomData))
    }
}

struct FieldVisitor<T>(PhantomData<T>);

impl<T> FieldVisitor<T> {
    fn field(value: Option<T>) -> Field<T> {
        value.map_or(Field::Wrong, Field::Is)
    }
}

impl<'de, T: Lenient> Visitor<'de> for FieldVisitor<T> {
    type Value = Field<T>;

    fn expecting(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str("any value")
    }

    fn visit_str<E>(self, text: &str) -> Result<Self::Value, E> {
        Ok(Self::field(T::from_text(text)))
    }

    fn visit_i64<E>(self, number: i64) -> Result<Self::Value, E> {
        Ok(Self::field(T::from_number(number)))
    }

    fn visit_u64<E>(self, number: u64) -> Result<Self::Value, E> {
        Ok(Self::field(
            i64::try_from(number).ok().and_then(T::from_number),
        ))
    }

    fn visit_f64<E>(self, _number: f64) -> Result<Self::Value, E> {
        Ok(Field::Wrong)
    }

    fn visit_bool<E>(self, flag: bool) -> Result<Self::Value, E> {
        Ok(Self::field(T::from_flag(flag)))
    }

    fn visit_unit<E>(self) -> Result<Self::Value, E> {
        Ok(Field::Absent)
    }

    fn visit_map<A: MapAccess<'de>>(self, map: A) -> Result<Self::Value, A::Error> {
        T::from_map(map).map(Self::field)
    }

    fn visit_seq<A: SeqAccess<'de>>(self, list: A) -> Result<Self::Value, A::Error> {
        T::from_list(list).map(Self::field)
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

impl<T: Lenient> Lenient for List<T> {
    fn from_list<'de, A: SeqAccess<'de>>(mut list: A) -> Result<Option<Self>, A::Error> {
        let mut items = Vec::new();
        let mut has_wrong = false;
        while let Some(field) = list.next_element::<Field<T>>()? {
            match field {
                Field::Is(item) => items.push(item),
                Field::Absent | Field::Wrong => has_wrong = true,
            }
        }
        Ok(Some(Self { items, has_wrong }))
    }
}

/// Reads a record's fields from a JSON object.
macro_rules! lenient_records {
    ($($record:ty),+ $(,)?) => {$(
        impl $crate::source::wire::lenient::Lenient for $record {
            fn from_map<'de, A: serde::de::MapAccess<'de>>(map: A) -> Result<Option<Self>, A::Error> {
                let fields = serde::de::value::MapAccessDeserializer::new(map);
                <$record as serde::Deserialize>::deserialize(fields).map(Some)
            }
        }
    )+};
}
pub(super) use lenient_records;

#[cfg(test)]
mod tests {
    use super::*;

    #[derive(Debug, Default, PartialEq, serde::Deserialize)]
    #[serde(default)]
    struct Sample {
        text: Field<Box<str>>,
        number: Field<u32>,
        flag: Field<bool>,
        at: Field<Timestamp>,
        list: Field<List<Box<str>>>,
        inner: Field<Box<Sample>>,
    }

    impl Lenient for Box<Sample> {
        fn from_map<'de, A: MapAccess<'de>>(map: A) -> Result<Option<Self>, A::Error> {
            let fields = serde::de::value::MapAccessDeserializer::new(map);
            Sample::deserialize(fields).map(|sample| Some(Self::new(sample)))
        }
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
                let sample: Sample = serde_json::from_str(&json).unwrap();
                assert_eq!(sample.flag, Field::Is(true), "{json}");
            }
        }
    }

    #[test]
    fn a_wrong_type_is_told_from_an_absent_field() {
        let sample: Sample = serde_json::from_str(
            r#"{"text":5,"number":-1,"list":["a",7],"at":"yesterday","inner":null}"#,
        )
        .unwrap();
        assert_eq!(sample.text, Field::Wrong);
        assert_eq!(sample.number, Field::Wrong);
        assert_eq!(sample.at, Field::Wrong);
        assert_eq!(sample.flag, Field::Absent);
        assert_eq!(sample.inner, Field::Absent);
        let list = List {
            items: vec!["a".into()],
            has_wrong: true,
        };
        assert_eq!(sample.list, Field::Is(list));
    }
}
