use std::hash::{BuildHasher, RandomState};

/// A name that no other process has: the host's, then a random UUID, as client-go's users write it.
#[must_use]
pub fn identity() -> String {
    let host = hostname::get().unwrap_or_default();
    let random = || RandomState::new().hash_one(std::process::id());
    let bits = u128::from(random()) << 64 | u128::from(random());
    format!("{}_{}", host.to_string_lossy(), uuid(bits))
}

/// Version 4, which says that the bits are random.
fn uuid(bits: u128) -> String {
    let bits = bits & !(0xf << 76 | 0x3 << 62) | 0x4 << 76 | 0x2 << 62;
    let digits = format!("{bits:032x}");
    let parts = [(0, 8), (8, 12), (12, 16), (16, 20), (20, 32)];
    parts.map(|(from, to)| &digits[from..to]).join("-")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn identities_name_the_host_and_differ() {
        let [one, two] = [identity(), identity()];
        assert_ne!(one, two);
        let host = hostname::get().unwrap().to_string_lossy().into_owned();
        let random = one.strip_prefix(&format!("{host}_")).unwrap();
        assert_eq!(random.len(), 36);
    }

    #[test]
    fn a_uuid_says_its_version_and_variant() {
        assert_eq!(uuid(0), "00000000-0000-4000-8000-000000000000");
        assert_eq!(uuid(u128::MAX), "ffffffff-ffff-4fff-bfff-ffffffffffff");
    }
}
