//! Of `why`.

use std::path::PathBuf;

use jiff::Timestamp;

use super::{Cluster, ConfigError, Screen, is_label};
use crate::cli::{WhyArguments, WhyFormatArgument};
use crate::report::why::Format;

/// Columns where the output is no terminal.
const PLAIN_WIDTH: usize = 80;

/// Of `why`.
#[derive(Debug, Clone, PartialEq)]
pub struct WhyConfig {
    pub pod: String,
    /// `None`: that of the context; in a recording, any.
    pub namespace: Option<String>,
    pub source: WhySource,
    pub format: Format,
}

/// Where the pod's story comes from.
#[derive(Debug, Clone, PartialEq)]
pub enum WhySource {
    Live(Cluster),
    Recording {
        path: PathBuf,
        /// `None`: its end.
        at: Option<Timestamp>,
    },
}

impl WhyConfig {
    /// # Errors
    ///
    /// What was typed is no pod, namespace or time.
    pub fn new(arguments: WhyArguments, screen: Screen) -> Result<Self, ConfigError> {
        let pod = pod_name(&arguments.pod)?.to_owned();
        if let Some(namespace) = &arguments.namespace
            && (namespace.is_empty() || !is_label(namespace))
        {
            let value = namespace.clone();
            return Err(ConfigError::PodNamespace { value });
        }
        let at = arguments.at.map(|text| time(&text)).transpose()?;
        Ok(Self {
            pod,
            namespace: arguments.namespace,
            source: match arguments.recording {
                Some(path) => WhySource::Recording { path, at },
                None => WhySource::Live(Cluster {
                    kubeconfig: arguments.access.kubeconfig,
                    context: arguments.access.context,
                    namespaces: Vec::new(),
                }),
            },
            format: match arguments.output {
                WhyFormatArgument::Json => Format::Json,
                WhyFormatArgument::Text => Format::Text {
                    colour: screen.colour,
                    width: screen.width.unwrap_or(PLAIN_WIDTH),
                },
            },
        })
    }
}

/// The name in `pod/NAME` or `NAME`, a DNS subdomain (RFC 1123).
fn pod_name(value: &str) -> Result<&str, ConfigError> {
    let name = match value.split_once('/') {
        Some(("pod" | "pods" | "po", name)) => name,
        Some(_) => "",
        None => value,
    };
    let is_name = !name.is_empty()
        && name.len() <= 253
        && name.split('.').all(|label| {
            !label.is_empty()
                && !label.starts_with('-')
                && !label.ends_with('-')
                && label
                    .chars()
                    .all(|character| matches!(character, 'a'..='z' | '0'..='9' | '-'))
        });
    if is_name {
        Ok(name)
    } else {
        Err(ConfigError::Pod {
            value: value.to_owned(),
        })
    }
}

fn time(value: &str) -> Result<Timestamp, ConfigError> {
    value.parse().map_err(|_| ConfigError::Time {
        value: value.to_owned(),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_pod_is_named_with_or_without_its_kind() {
        for text in ["pod/web-0", "pods/web-0", "po/web-0", "web-0"] {
            assert_eq!(pod_name(text), Ok("web-0"));
        }
        for wrong in [
            "",
            "pod/",
            "deployment/web",
            "pod/../x",
            "pod/a/b",
            "Web",
            "a?b",
        ] {
            assert!(pod_name(wrong).is_err(), "{wrong}");
        }
    }
}
