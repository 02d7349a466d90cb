//! What stays of a command: the name of a common program, and a keyed digest.

use std::fmt;

use hmac::{Hmac, KeyInit, Mac};
use sha2::{Digest as _, Sha256};

/// Programs whose name tells nothing of a user's.
const PROGRAMS: &[&str] = &[
    "ash",
    "bash",
    "busybox",
    "consul",
    "curl",
    "dash",
    "envoy",
    "false",
    "java",
    "kill",
    "nc",
    "nginx",
    "node",
    "perl",
    "php",
    "pilot-agent",
    "pkill",
    "python",
    "python3",
    "rabbitmqctl",
    "redis-cli",
    "ruby",
    "sh",
    "sleep",
    "sync",
    "tini",
    "touch",
    "true",
    "vault",
    "wget",
    "zsh",
];

/// What stands where a program is not on the list.
pub(super) const OTHER_PROGRAM: &str = "redacted";

/// The secret under which commands are digested, so that nobody else can guess them.
#[derive(Clone)]
pub struct DigestKey {
    state: Hmac<Sha256>,
    fingerprint: [u8; 8],
}

impl DigestKey {
    /// A key of any length; a random one has 32 bytes.
    #[must_use]
    pub fn new(key: &[u8]) -> Self {
        let state = <Hmac<Sha256> as KeyInit>::new_from_slice(key)
            .unwrap_or_else(|_| Hmac::new(&Default::default()));
        let told = state.clone().chain_update(b"fingerprint").finalize();
        let mut fingerprint = [0; 8];
        fingerprint.copy_from_slice(&told.into_bytes()[..8]);
        Self { state, fingerprint }
    }

    /// Names the key without telling it: digests are comparable where fingerprints are equal.
    #[must_use]
    pub fn fingerprint(&self) -> String {
        hex::encode(self.fingerprint)
    }

    /// Twelve hexadecimal digits that are equal for equal commands.
    #[must_use]
    pub fn digest<'a>(&self, command: impl IntoIterator<Item = &'a str>) -> String {
        let mut state = self.state.clone();
        state.update(b"command");
        for word in command {
            state.update(&word.len().to_le_bytes());
            state.update(word.as_bytes());
        }
        hex::encode(&state.finalize().into_bytes()[..6])
    }
}

impl Default for DigestKey {
    /// A known key: enough to tell commands apart where digests are not shown.
    fn default() -> Self {
        Self::new(&Sha256::digest(b"hookaudit"))
    }
}

impl fmt::Debug for DigestKey {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(formatter, "DigestKey({})", self.fingerprint())
    }
}

/// The base name of a command's first word, if it is a common program.
#[must_use]
pub fn program(first_word: &str) -> Option<&'static str> {
    let name = first_word.rsplit('/').next()?;
    PROGRAMS.iter().copied().find(|program| *program == name)
}

/// Whether a text has the form that [`DigestKey::digest`] gives.
#[must_use]
pub fn is_digest(text: &str) -> bool {
    text.len() == 12
        && text
            .bytes()
            .all(|byte| byte.is_ascii_digit() || (b'a'..=b'f').contains(&byte))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_digest_depends_on_the_key_and_on_where_words_end() {
        let key = DigestKey::new(b"one");
        assert!(is_digest(&key.digest(["sh", "-c", "true"])));
        assert_eq!(
            key.digest(["sh", "-c"]),
            DigestKey::new(b"one").digest(["sh", "-c"])
        );
        assert_ne!(
            key.digest(["sh", "-c"]),
            DigestKey::new(b"two").digest(["sh", "-c"])
        );
        assert_ne!(key.digest(["sh", "-c"]), key.digest(["sh-c"]));
        assert_ne!(key.digest(["a", ""]), key.digest(["a"]));
    }

    #[test]
    fn a_key_does_not_show_itself() {
        let shown = format!("{:?}", DigestKey::new(b"topsecret"));
        assert!(!shown.contains("topsecret") && !shown.contains(&hex::encode("topsecret")));
        assert_ne!(
            DigestKey::new(b"one").fingerprint(),
            DigestKey::new(b"two").fingerprint()
        );
    }

    #[test]
    fn only_common_programs_are_named() {
        assert_eq!(program("/bin/sh"), Some("sh"));
        assert_eq!(program("curl"), Some("curl"));
        assert_eq!(program("/opt/acme-secret/run"), None);
        assert_eq!(program("sh -c secret"), None);
        assert_eq!(program(""), None);
    }
}
