//! A real Prometheus that scrapes the replicas as shipped, and what it makes of their counters.

use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::fs::{self, File};
use std::net::{SocketAddr, TcpListener};
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use anyhow::{Context, bail};
use serde_json::Value;
use tokio::time::sleep;

use super::http::get;
use super::truth::{Tallies, failures_at};

const SCRAPE: &str = include_str!(concat!(
    env!("CARGO_MANIFEST_DIR"),
    "/../manifests/prometheus/scrape.yaml"
));
const DISCOVERY: &str = "    kubernetes_sd_configs:\n";
const FAILED: &str =
    r#"hookaudit_hook_runs_total{outcome=~"failed|overran|interrupted|cut_short"}"#;
const WITHIN: Duration = Duration::from_secs(30);
const READY_WITHIN: Duration = Duration::from_mins(2);
const LOOK_AGAIN: Duration = Duration::from_millis(200);
/// What extrapolation may add to or take from a true increase.
const EXTRAPOLATED: f64 = 0.02;

pub struct Prometheus {
    address: SocketAddr,
    child: Child,
}

impl Prometheus {
    pub async fn start(dir: &Path, replicas: &[SocketAddr]) -> anyhow::Result<Self> {
        let address = TcpListener::bind("127.0.0.1:0")?.local_addr()?;
        let configuration = dir.join("prometheus.yaml");
        fs::write(&configuration, configured(SCRAPE, replicas)?)?;
        let log = File::create(dir.join("prometheus.log"))?;
        let child = Command::new("prometheus")
            .arg(format!("--config.file={}", configuration.display()))
            .arg(format!(
                "--storage.tsdb.path={}",
                dir.join("prometheus").display()
            ))
            .arg(format!("--web.listen-address={address}"))
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .stderr(log)
            .spawn()
            .context("prometheus cannot be run: apt-get install prometheus")?;
        let prometheus = Self { address, child };
        let began = Instant::now();
        while get(address, "/-/ready", WITHIN).await.is_err() {
            if began.elapsed() > READY_WITHIN {
                bail!(
                    "prometheus is not ready; see {}",
                    dir.join("prometheus.log").display()
                );
            }
            sleep(LOOK_AGAIN).await;
        }
        Ok(prometheus)
    }

    /// How its counters of failures differ from the truth, in words.
    pub async fn problems(&self, truth: &Tallies) -> anyhow::Result<Vec<String>> {
        let samples = self.query(&format!("{FAILED}[2h]")).await?;
        let mut problems = Vec::new();
        let mut last_of = BTreeMap::<(String, String), f64>::new();
        let mut end = 0.0_f64;
        for series in samples.as_array().into_iter().flatten() {
            let values: Vec<(f64, f64)> = series["values"]
                .as_array()
                .into_iter()
                .flatten()
                .filter_map(point)
                .collect();
            problems.extend(irregular(&series["metric"], &values));
            if let Some((at, last)) = values.last() {
                *last_of.entry(place(&series["metric"])).or_default() += last;
                end = end.max(*at);
            }
        }
        let increases = self
            .query_at(&format!("increase({FAILED}[2h])"), end)
            .await?;
        let mut increase_of = BTreeMap::<(String, String), f64>::new();
        for series in increases.as_array().into_iter().flatten() {
            let value = point(&series["value"]).map_or(0.0, |(_, value)| value);
            *increase_of.entry(place(&series["metric"])).or_default() += value;
        }
        for (place, counts) in truth {
            let produced = failures_at(counts) as f64;
            for (what, counted) in [("the last sample", &last_of), ("increase()", &increase_of)] {
                let counted = counted.get(place).copied().unwrap_or_default();
                if (counted - produced).abs() > produced * EXTRAPOLATED {
                    problems.push(format!(
                        "{}/{}: {produced} failures, {what} says {counted}",
                        place.0, place.1
                    ));
                }
            }
        }
        Ok(problems)
    }

    async fn query(&self, expression: &str) -> anyhow::Result<Value> {
        self.ask(&format!("query={}", encoded(expression))).await
    }

    async fn query_at(&self, expression: &str, time: f64) -> anyhow::Result<Value> {
        self.ask(&format!("query={}&time={time}", encoded(expression)))
            .await
    }

    async fn ask(&self, parameters: &str) -> anyhow::Result<Value> {
        let answer = get(self.address, &format!("/api/v1/query?{parameters}"), WITHIN).await?;
        let mut answer: Value = serde_json::from_str(&answer)?;
        Ok(answer["data"]["result"].take())
    }
}

impl Drop for Prometheus {
    fn drop(&mut self) {
        // It may have ended already.
        drop(self.child.kill());
        drop(self.child.wait());
    }
}

/// The shipped configuration with the replicas in place of discovery, labelled as discovery would.
fn configured(shipped: &str, replicas: &[SocketAddr]) -> anyhow::Result<String> {
    let (before, rest) = shipped
        .split_once(DISCOVERY)
        .context("the shipped configuration discovers nothing")?;
    let after = rest.lines().skip_while(|line| line.starts_with("     "));
    let mut targets = String::from("    static_configs:\n");
    for (number, replica) in replicas.iter().enumerate() {
        write!(
            targets,
            "      - targets: ['{replica}']\n        labels:\n          \
             __meta_kubernetes_pod_label_app_kubernetes_io_name: hookaudit\n          \
             __meta_kubernetes_pod_container_port_name: metrics\n          \
             __meta_kubernetes_pod_name: hookaudit-manager-{number}\n"
        )?;
    }
    let after: Vec<&str> = after.collect();
    Ok(format!(
        "global: {{scrape_interval: 1s}}\n{before}{targets}{}\n",
        after.join("\n")
    ))
}

/// A counter that goes down, or whose first sample is no 0.
fn irregular(metric: &Value, values: &[(f64, f64)]) -> Vec<String> {
    let mut problems = Vec::new();
    if values.first().is_some_and(|(_, first)| *first > 0.0) {
        problems.push(format!("a counter was born at {}: {metric}", values[0].1));
    }
    for pair in values.windows(2).filter(|pair| pair[1].1 < pair[0].1) {
        problems.push(format!(
            "a counter went down from {} to {}: {metric}",
            pair[0].1, pair[1].1
        ));
    }
    problems
}

fn place(metric: &Value) -> (String, String) {
    let label = |name: &str| metric[name].as_str().unwrap_or_default();
    let audit = match label("workload_type") {
        "barepod" => "barepods".to_owned(),
        kind => format!("{kind}-{}", label("workload")),
    };
    (label("namespace").to_owned(), audit)
}

fn point(pair: &Value) -> Option<(f64, f64)> {
    Some((pair[0].as_f64()?, pair[1].as_str()?.parse().ok()?))
}

fn encoded(text: &str) -> String {
    form_urlencoded::byte_serialize(text.as_bytes()).collect()
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn the_shipped_configuration_is_kept_but_for_its_discovery() {
        let replicas = [
            "127.0.0.1:1".parse().unwrap(),
            "127.0.0.1:2".parse().unwrap(),
        ];
        let text = configured(SCRAPE, &replicas).unwrap();
        assert!(
            text.contains("['127.0.0.1:2']") && text.contains("hookaudit-manager-1"),
            "{text}"
        );
        assert!(
            !text.contains("kubernetes_sd_configs") && !text.contains("names: ["),
            "{text}"
        );
        assert!(
            text.contains("metric_relabel_configs") && text.contains("honor_labels: true"),
            "{text}"
        );
    }

    #[test]
    fn a_dip_and_a_birth_above_zero_are_irregular() {
        let metric = json!({"workload": "a"});
        assert_eq!(
            irregular(&metric, &[(0.0, 0.0), (1.0, 2.0), (2.0, 2.0)]),
            Vec::<String>::new()
        );
        assert_eq!(
            irregular(&metric, &[(0.0, 1.0), (1.0, 2.0), (2.0, 1.0)]).len(),
            2
        );
    }
}
