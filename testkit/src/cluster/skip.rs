//! What happens to a test when there is no cluster for it: it is skipped, and says so.

use std::fmt;
use std::fs::OpenOptions;
use std::io::Write;
use std::path::Path;

use super::tell;

#[derive(Clone, Debug)]
pub enum Unavailable {
    /// This machine lacks something: the test is skipped.
    Missing(String),
    /// It should have worked: the test fails.
    Broken(String),
}

impl fmt::Display for Unavailable {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (Self::Missing(reason) | Self::Broken(reason)) = self;
        formatter.write_str(reason)
    }
}

impl std::error::Error for Unavailable {}

/// Gives the cluster, or returns from the test and says so: `let cluster = cluster_or_skip!(Cluster::with_node());`
#[macro_export]
macro_rules! cluster_or_skip {
    ($cluster:expr) => {{
        fn here() {}
        match $crate::cluster::or_skip(std::any::type_name_of_val(&here), $cluster) {
            Some(cluster) => cluster,
            None => return $crate::cluster::Skipped::skipped(),
        }
    }};
}

/// What a skipped test returns.
pub trait Skipped {
    fn skipped() -> Self;
}

impl Skipped for () {
    fn skipped() {}
}

impl<E> Skipped for Result<(), E> {
    fn skipped() -> Self {
        Ok(())
    }
}

/// None if the test is to be skipped, which stderr and the file `HOOKAUDIT_SKIPS` are told.
///
/// # Panics
///
/// If the cluster is broken, or if one is missing and `REQUIRE_CLUSTER=1` asks for it.
pub fn or_skip<T>(here: &str, cluster: Result<T, Unavailable>) -> Option<T> {
    let test = here
        .trim_end_matches("::here")
        .trim_end_matches("::{{closure}}");
    let required = std::env::var("REQUIRE_CLUSTER").is_ok_and(|value| value == "1");
    match cluster {
        Ok(cluster) => return Some(cluster),
        Err(Unavailable::Missing(reason)) if !required => {
            skipped(test, &reason);
        }
        Err(error) => panic!("{test}: no cluster: {error}"),
    }
    None
}

/// Says that something was skipped, on stderr and in the file `HOOKAUDIT_SKIPS`.
pub fn skipped(what: &str, reason: &str) {
    let line = format!("skipped: {what}: {reason}");
    tell(&line);
    if let Some(path) = std::env::var_os("HOOKAUDIT_SKIPS") {
        let file = OpenOptions::new().create(true).append(true).open(&path);
        if let Err(error) = file.and_then(|mut file| writeln!(file, "{line}")) {
            tell(&format!(
                "HOOKAUDIT_SKIPS={}: {error}",
                Path::new(&path).display()
            ));
        }
    }
}
