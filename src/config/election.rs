//! Which replica writes.

use std::time::Duration;

use super::{ConfigError, is_label};
use crate::cli::ElectionArguments;
use crate::leader::Timing;

/// Whether, and for which Lease, replicas stand for election.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Election {
    pub takes_part: TakesPart,
    /// `None` for the pod's own, or that of the manifests.
    pub namespace: Option<String>,
    pub name: String,
    pub timing: Timing,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum TakesPart {
    Always,
    Never,
    /// In a pod, and elsewhere if the namespace of the manifests exists: beside an operator that is installed nobody writes
    /// unasked, and where none is, nothing has to be made for a run from outside.
    WhereInstalled,
}

impl Election {
    pub(super) fn new(arguments: ElectionArguments) -> Result<Self, ConfigError> {
        let namespace = arguments
            .leader_election_namespace
            .filter(|namespace| !namespace.is_empty());
        if let Some(value) = namespace.clone().filter(|namespace| !is_label(namespace)) {
            return Err(ConfigError::ElectionNamespace { value });
        }
        let name = arguments.leader_election_id;
        if name.len() > 253 || !name.split('.').all(is_label) {
            return Err(ConfigError::ElectionName { value: name });
        }
        let seconds = |seconds: u32| Duration::from_secs(seconds.into());
        let timing = Timing {
            lease: seconds(arguments.leader_election_lease_seconds),
            renew_deadline: seconds(arguments.leader_election_renew_seconds),
            retry: seconds(arguments.leader_election_retry_seconds),
        };
        if timing.lease <= timing.renew_deadline || timing.renew_deadline <= timing.retry {
            return Err(ConfigError::ElectionTiming);
        }
        Ok(Self {
            takes_part: match (arguments.leader_elect, &namespace) {
                (Some(true), _) | (None, Some(_)) => TakesPart::Always,
                (Some(false), _) => TakesPart::Never,
                (None, None) => TakesPart::WhereInstalled,
            },
            namespace,
            name,
            timing,
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::cli::{Arguments, Command};

    fn election(flags: &str) -> Result<Election, ConfigError> {
        let line = format!("hookaudit run {flags}");
        let words: Vec<_> = line.split_whitespace().map(Into::into).collect();
        match Arguments::read(&words).unwrap().command {
            Command::Run(arguments) => Election::new(arguments.election),
            other => panic!("{other:?}"),
        }
    }

    #[test]
    fn the_defaults_are_those_of_client_go() {
        let expected = Election {
            takes_part: TakesPart::WhereInstalled,
            namespace: None,
            name: "hookaudit".to_owned(),
            timing: Timing::default(),
        };
        assert_eq!(election("").unwrap(), expected);
    }

    #[test]
    fn who_names_a_namespace_wants_an_election_and_who_says_no_has_none() {
        let takes_part = |flags| election(flags).unwrap().takes_part;
        assert_eq!(takes_part("--leader-elect"), TakesPart::Always);
        assert_eq!(takes_part("--leader-elect=true"), TakesPart::Always);
        assert_eq!(
            takes_part("--leader-election-namespace=a"),
            TakesPart::Always
        );
        let no = "--leader-elect=false --leader-election-namespace=a";
        assert_eq!(takes_part(no), TakesPart::Never);
    }

    #[test]
    fn a_lease_that_could_not_be_held_is_refused() {
        for wrong in [
            "--leader-election-lease-seconds=10",
            "--leader-election-renew-seconds=15",
            "--leader-election-retry-seconds=10",
        ] {
            let error = election(wrong).unwrap_err();
            assert_eq!(error, ConfigError::ElectionTiming, "{wrong}");
        }
    }

    #[test]
    fn names_that_the_api_server_would_refuse_are_refused_by_the_name_of_their_flag() {
        let error = election("--leader-election-namespace=A").unwrap_err();
        assert!(
            error
                .to_string()
                .starts_with("--leader-election-namespace: ")
        );
        for wrong in ["a/b", "", "a..b"] {
            let error = election(&format!("--leader-election-id={wrong}")).unwrap_err();
            assert!(error.to_string().starts_with("--leader-election-id: "));
        }
        assert!(election("--leader-election-id=5d1c.hookaudit.io").is_ok());
    }
}
