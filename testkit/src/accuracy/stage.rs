//! Where phases are played: a cluster, the witnesses' files, the recorder.

use std::fs::{self, File};
use std::io::{BufRead, BufReader, Write};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::sync::{Arc, Mutex};
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use anyhow::{Context, bail};
use serde_json::Value;

use crate::cluster::Cluster;
use crate::truth::Action;

const REPOSITORY: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/..");

pub struct Stage {
    pub cluster: Arc<Cluster>,
    pub client: kube::Client,
    /// Everything that the phases leave behind.
    pub dir: PathBuf,
    actions: Mutex<File>,
    recorder: Child,
    runtime: Runtime,
}

impl Stage {
    /// Lets the witnesses write, and `hookaudit record` as well.
    pub async fn set(cluster: Arc<Cluster>, dir: &Path, hookaudit: &Path) -> anyhow::Result<Self> {
        if dir.exists() {
            fs::remove_dir_all(dir)?;
        }
        fs::create_dir_all(dir)?;
        build_witness(&dir.join("witness"))?;
        File::create(dir.join("ledger.jsonl"))?;
        delete_namespaces(&cluster)?;
        let resource = Command::new(hookaudit).arg("crd").output()?;
        cluster.apply(&String::from_utf8(resource.stdout)?)?;
        let mut recorder = Command::new(hookaudit)
            .args(["record", "-o"])
            .arg(dir.join("recording.jsonl"))
            .arg("--kubeconfig")
            .arg(cluster.kubeconfig())
            .stdin(Stdio::null())
            .stderr(File::create(dir.join("record.log"))?)
            .spawn()
            .with_context(|| format!("{} cannot be run", hookaudit.display()))?;
        tokio::time::sleep(Duration::from_secs(3)).await;
        if let Some(status) = recorder.try_wait()? {
            bail!(
                "the recorder ended with {status}; see {}",
                dir.join("record.log").display()
            );
        }
        Ok(Self {
            client: cluster.client().await?,
            actions: Mutex::new(File::create(dir.join("actions.jsonl"))?),
            runtime: Runtime::listen(cluster.clone(), &dir.join("runtime.log"))?,
            cluster,
            recorder,
            dir: dir.to_owned(),
        })
    }

    pub fn recording(&self) -> PathBuf {
        self.dir.join("recording.jsonl")
    }

    /// Starts a command inside the node.
    pub fn on_node(&self, command: &[&str]) -> anyhow::Result<Child> {
        Ok(on_node(&self.cluster)?
            .args(command)
            .stdin(Stdio::null())
            .spawn()?)
    }

    /// Writes down what the suite itself does.
    pub fn note(&self, scenario: &str, action: &str, target: &str) -> anyhow::Result<()> {
        let action = Action {
            unix_nanoseconds: i64::try_from(
                SystemTime::now().duration_since(UNIX_EPOCH)?.as_nanos(),
            )?,
            scenario: scenario.to_owned(),
            action: action.to_owned(),
            target: target.to_owned(),
        };
        let mut actions = self
            .actions
            .lock()
            .map_err(|_| anyhow::anyhow!("a scenario panicked"))?;
        writeln!(actions, "{}", serde_json::to_string(&action)?)?;
        Ok(())
    }

    /// How many lines like `hook PreStop start` the pods of a namespace have written.
    pub fn count_entries(&self, namespace: &str, entry: &str) -> anyhow::Result<usize> {
        let words: Vec<&str> = entry.split_ascii_whitespace().collect();
        let (role, hook, event) = match words[..] {
            [role, event] => (role, "", event),
            [role, hook, event] => (role, hook, event),
            _ => bail!("no entry of a ledger looks like {entry:?}"),
        };
        let is_meant = |line: &Value| {
            line["ns"] == namespace
                && line["role"] == role
                && line["event"] == event
                && line["hook"].as_str().unwrap_or_default() == hook
        };
        let ledger = BufReader::new(File::open(self.dir.join("ledger.jsonl"))?);
        let marked = format!("\"ns\":\"{namespace}\"");
        let lines = ledger
            .lines()
            .map_while(Result::ok)
            .filter(|line| line.contains(&marked));
        Ok(lines
            .filter(|line| serde_json::from_str(line).is_ok_and(|line| is_meant(&line)))
            .count())
    }

    /// Ends the recording and takes the cluster's logs.
    pub fn strike(mut self) -> anyhow::Result<()> {
        interrupt(&mut self.recorder)?;
        self.runtime.stop()?;
        let cluster_dir = self
            .cluster
            .dir()
            .context("the cluster keeps no logs here")?;
        for log in ["kubelet.log", "audit.log"] {
            fs::copy(cluster_dir.join(log), self.dir.join(log))?;
        }
        Ok(())
    }
}

impl Drop for Stage {
    fn drop(&mut self) {
        drop(self.recorder.kill());
        drop(self.runtime.stop());
    }
}

/// What another run left behind.
fn delete_namespaces(cluster: &Cluster) -> anyhow::Result<()> {
    let names = cluster.kubectl(&["get", "namespaces", "-o", "name"])?;
    let own: Vec<&str> = names
        .lines()
        .filter(|name| name.starts_with("namespace/h-"))
        .collect();
    if !own.is_empty() {
        cluster.kubectl(&[&["delete", "--timeout=120s"], own.as_slice()].concat())?;
    }
    Ok(())
}

/// Ctrl-C, so that the recorder can write its last line.
fn interrupt(child: &mut Child) -> anyhow::Result<()> {
    Command::new("kill")
        .args(["-INT", &child.id().to_string()])
        .status()?;
    let status = child.wait()?;
    if !status.success() {
        bail!("the recorder ended with {status}; see record.log");
    }
    Ok(())
}

/// A runtime that was killed is listened to again.
const LISTEN: &str = r#"echo $$; trap 'kill $!; exit' TERM
while :; do ctr --namespace k8s.io events & wait $!; sleep 0.2; done"#;

/// The container runtime's own account of what started and ended.
#[derive(Debug)]
struct Runtime {
    cluster: Arc<Cluster>,
    log: PathBuf,
    child: Child,
}

impl Runtime {
    fn listen(cluster: Arc<Cluster>, log: &Path) -> anyhow::Result<Self> {
        let child = on_node(&cluster)?
            .args(["sh", "-c", LISTEN])
            .stdin(Stdio::null())
            .stdout(File::create(log)?)
            .stderr(Stdio::null())
            .spawn()?;
        Ok(Self {
            cluster,
            log: log.to_owned(),
            child,
        })
    }

    /// Its first line is its process, as the node counts.
    fn stop(&mut self) -> anyhow::Result<()> {
        if self.child.try_wait()?.is_some() {
            return Ok(());
        }
        let log = fs::read_to_string(&self.log)?;
        let process = log
            .lines()
            .next()
            .context("the runtime's events were not heard")?;
        on_node(&self.cluster)?.args(["kill", process]).status()?;
        self.child.wait()?;
        Ok(())
    }
}

fn on_node(cluster: &Cluster) -> anyhow::Result<Command> {
    let mut command = Command::new(Path::new(REPOSITORY).join("tests/cluster/on-node"));
    command.arg("--dir").arg(
        cluster
            .dir()
            .context("only a node that was started here can be entered")?,
    );
    Ok(command)
}

fn build_witness(program: &Path) -> anyhow::Result<()> {
    let own = Path::new(REPOSITORY).join("target/go/bin/go");
    let go = if own.exists() {
        own
    } else {
        PathBuf::from("go")
    };
    let status = Command::new(&go)
        .args(["build", "-buildvcs=false", "-ldflags", "-s -w", "-o"])
        .arg(program)
        .arg(".")
        .current_dir(Path::new(REPOSITORY).join("tests/kubelet/witness"))
        .env("CGO_ENABLED", "0")
        .status()
        .with_context(|| format!("{} cannot be run", go.display()))?;
    if !status.success() {
        bail!("tests/kubelet/witness cannot be built");
    }
    Ok(())
}
