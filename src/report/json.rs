//! The report `hookaudit.io/report/v1`, as JSON and as YAML.

use std::io;

use serde::Serialize;

use super::Contents;
use crate::audit::record::Gap;

use self::run::Run;
use self::termination::Termination;
use self::value::Time;
use self::workload::Workload;

pub(super) mod run;
pub(super) mod termination;
pub(super) mod value;
mod workload;

#[cfg(test)]
mod tests;

/// The version of the format that [`write`] and [`write_yaml`] produce.
pub const API_VERSION: &str = "hookaudit.io/report/v1";

/// Writes the report as indented JSON with a newline at its end.
///
/// # Errors
///
/// Those of the writer.
pub fn write(contents: &Contents, out: &mut impl io::Write) -> io::Result<()> {
    serde_json::to_writer_pretty(&mut *out, &Document::new(contents))?;
    writeln!(out)
}

/// Writes the same report as YAML.
///
/// # Errors
///
/// Those of the writer.
pub fn write_yaml(contents: &Contents, out: &mut impl io::Write) -> io::Result<()> {
    let options = serde_saphyr::ser_options! { prefer_block_scalars: false };
    serde_saphyr::to_io_writer_with_options(out, &Document::new(contents), options).map_err(
        |error| match error {
            serde_saphyr::SerializeError::IO { error } => error,
            other => io::Error::other(other),
        },
    )
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Document<'a> {
    api_version: &'static str,
    observation: Observation,
    runs: Vec<Run<'a>>,
    terminations: Vec<Termination<'a>>,
    workloads: Vec<Workload<'a>>,
}

#[derive(Serialize)]
struct Observation {
    from: Option<Time>,
    to: Option<Time>,
    gaps: Vec<ObservationGap>,
}

#[derive(Serialize)]
pub(super) struct ObservationGap {
    from: Time,
    to: Time,
    resource: &'static str,
    reason: &'static str,
}

impl<'a> Document<'a> {
    fn new(contents: &'a Contents) -> Self {
        let runs = contents.runs().into_iter();
        let terminations = contents.terminations().into_iter();
        Self {
            api_version: API_VERSION,
            observation: Observation {
                from: contents.observed_from.map(Time),
                to: contents.observed_to.map(Time),
                gaps: contents
                    .gaps()
                    .into_iter()
                    .map(ObservationGap::new)
                    .collect(),
            },
            runs: runs.map(|(pod, run)| Run::new(pod, run)).collect(),
            terminations: terminations
                .map(|(pod, termination)| Termination::new(pod, termination))
                .collect(),
            workloads: contents
                .workloads()
                .into_iter()
                .map(Workload::new)
                .collect(),
        }
    }
}

impl ObservationGap {
    pub(super) fn new(gap: &Gap) -> Self {
        Self {
            from: Time(gap.from),
            to: Time(gap.to),
            resource: gap.resource.as_str(),
            reason: gap.reason.as_str(),
        }
    }
}
