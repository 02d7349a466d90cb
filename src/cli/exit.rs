//! How the program ends.

use std::io::{self, ErrorKind};
use std::process::ExitCode;

use crate::config::{ConfigError, FailOn};
use crate::report::Contents;

/// The exit codes that scripts rely on.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Exit {
    /// 0
    Clean,
    /// 1: incidents at or above `--fail-on`
    Incidents,
    /// 2
    WrongUsage,
    /// 3: the cluster or the input
    Failed,
}

impl Exit {
    /// What an error ends the program with. A reader that closed the pipe has seen enough.
    #[must_use]
    pub fn of(error: &anyhow::Error) -> Self {
        if is_closed_pipe(error) {
            return Self::Clean;
        }
        if error.is::<ConfigError>() {
            return Self::WrongUsage;
        }
        Self::Failed
    }

    /// What a printed report ends the program with.
    #[must_use]
    pub fn after(contents: &Contents, fail_on: FailOn) -> Self {
        match fail_on {
            FailOn::Incident if contents.incident_count() > 0 => Self::Incidents,
            FailOn::Incident | FailOn::Never => Self::Clean,
        }
    }
}

impl From<Exit> for ExitCode {
    fn from(exit: Exit) -> Self {
        Self::from(match exit {
            Exit::Clean => 0,
            Exit::Incidents => 1,
            Exit::WrongUsage => 2,
            Exit::Failed => 3,
        })
    }
}

fn is_closed_pipe(error: &anyhow::Error) -> bool {
    error
        .chain()
        .filter_map(|cause| cause.downcast_ref::<io::Error>())
        .any(|cause| cause.kind() == ErrorKind::BrokenPipe)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::BindAddress;
    use crate::report::sample;

    #[test]
    fn incidents_fail_only_who_asked_for_it() {
        let quiet = Contents::default();
        let loud = sample::contents();
        assert_eq!(Exit::after(&loud, FailOn::Never), Exit::Clean);
        assert_eq!(Exit::after(&loud, FailOn::Incident), Exit::Incidents);
        assert_eq!(Exit::after(&quiet, FailOn::Incident), Exit::Clean);
    }

    #[test]
    fn each_kind_of_error_has_its_exit() {
        let pipe = anyhow::Error::from(io::Error::from(ErrorKind::BrokenPipe)).context("printing");
        assert_eq!(Exit::of(&pipe), Exit::Clean);
        let full = anyhow::Error::from(io::Error::from(ErrorKind::StorageFull));
        assert_eq!(Exit::of(&full), Exit::Failed);
        let usage = anyhow::Error::from(BindAddress::parse("--x", "nowhere").unwrap_err());
        assert_eq!(Exit::of(&usage), Exit::WrongUsage);
    }
}
