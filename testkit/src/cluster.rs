//! A real cluster for a test, in one call; see `tests/cluster/README.md`.
//!
//! Where a cluster comes from: `HOOKAUDIT_TEST_KUBECONFIG`, if it is enough for what the test asks; else one is started, with the
//! programs of `KUBEBUILDER_ASSETS` or with programs built here. A started cluster is shared by the tests of one process and ends
//! with it, however it ends. Several test processes share one by `make cluster-up` and its `env` file.

use std::io::{self, BufRead, BufReader, Write};
use std::path::{Path, PathBuf};
use std::process::{Command, Output, Stdio};
use std::sync::atomic::{AtomicU32, Ordering};
use std::sync::{Arc, OnceLock};
use std::time::{SystemTime, UNIX_EPOCH};

use anyhow::{Context, bail};
use kube::config::{KubeConfigOptions, Kubeconfig};

mod skip;

pub use skip::{Skipped, Unavailable, or_skip, skipped};

const SCRIPTS: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/../tests/cluster");
const TEST_CLUSTERS: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/../target/test-clusters");
const GIVEN: &str = "HOOKAUDIT_TEST_KUBECONFIG";
/// The exit code with which `up` says that this machine lacks something.
const SOMETHING_MISSING: i32 = 77;

/// The image of test pods on a node that was started here; `imagePullPolicy: Never`.
pub const BUSYBOX_IMAGE: &str = "docker.io/local/busybox:1";

#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Level {
    /// etcd and the API server, with nobody else at work: made-up Nodes and Pods stay as they are.
    Api,
    /// And the controllers and the scheduler.
    ControlPlane,
    /// And a node that runs pods.
    Node,
}

impl Level {
    fn name(self) -> &'static str {
        match self {
            Self::Api => "api",
            Self::ControlPlane => "control-plane",
            Self::Node => "node",
        }
    }
}

#[derive(Debug)]
pub struct Cluster {
    kubeconfig: PathBuf,
    kubectl: PathBuf,
    /// Where a cluster of ours keeps everything; none for somebody else's.
    dir: Option<PathBuf>,
    ends_on_drop: bool,
}

impl Cluster {
    /// The API server alone, shared by the tests of this process.
    pub fn api_server() -> Result<Arc<Self>, Unavailable> {
        static SHARED: OnceLock<Result<Arc<Cluster>, Unavailable>> = OnceLock::new();
        SHARED.get_or_init(|| Self::shared(Level::Api)).clone()
    }

    /// The API server with controllers, shared by the tests of this process.
    pub fn control_plane() -> Result<Arc<Self>, Unavailable> {
        static SHARED: OnceLock<Result<Arc<Cluster>, Unavailable>> = OnceLock::new();
        SHARED
            .get_or_init(|| Self::shared(Level::ControlPlane))
            .clone()
    }

    /// A cluster that runs pods, shared by the tests of this process.
    pub fn with_node() -> Result<Arc<Self>, Unavailable> {
        static SHARED: OnceLock<Result<Arc<Cluster>, Unavailable>> = OnceLock::new();
        SHARED.get_or_init(|| Self::shared(Level::Node)).clone()
    }

    /// A new cluster for one test alone, to be disturbed or to have flags of `tests/cluster/up` of its own. It ends when dropped.
    pub fn fresh(level: Level, flags: &[&str]) -> Result<Self, Unavailable> {
        static NUMBER: AtomicU32 = AtomicU32::new(1);
        if given().is_some_and(|given| given.dir.is_none()) {
            return Err(Unavailable::Missing(format!(
                "the test needs a cluster of its own, and {GIVEN} allows none to be started"
            )));
        }
        let number = NUMBER.fetch_add(1, Ordering::Relaxed);
        let dir = test_dir(&format!("{}-{number}", level.name()))?;
        down(&dir).map_err(|error| Unavailable::Broken(error.to_string()))?;
        let mut cluster = Self::at(&dir);
        cluster.ends_on_drop = true;
        up(&dir, level, flags)?;
        Ok(cluster)
    }

    fn shared(level: Level) -> Result<Arc<Self>, Unavailable> {
        if let Some(given) = given() {
            match given.level() {
                Some(has) if has == level || (level > Level::Api && has > level) => {
                    return Ok(Arc::new(given));
                }
                Some(_) => {}
                None => return given.if_it_serves(level).map(Arc::new),
            }
        }
        let dir = test_dir(level.name())?;
        up(&dir, level, &[])?;
        Ok(Arc::new(Self::at(&dir)))
    }

    fn at(dir: &Path) -> Self {
        Self {
            kubeconfig: dir.join("kubeconfig"),
            kubectl: dir.join("bin/kubectl"),
            dir: Some(dir.to_owned()),
            ends_on_drop: false,
        }
    }

    /// What somebody else's cluster can do is seen by asking it.
    fn if_it_serves(self, level: Level) -> Result<Self, Unavailable> {
        let missing = |reason: &str| {
            Err(Unavailable::Missing(format!(
                "the cluster of {GIVEN} {reason}"
            )))
        };
        if level == Level::Api {
            return missing("has controllers, and the test needs an API server without");
        }
        self.kubectl(&["get", "--raw", "/readyz"])
            .map_err(|error| Unavailable::Broken(error.to_string()))?;
        let wait = [
            "wait",
            "--for=condition=Ready",
            "--timeout=5s",
            "node",
            "--all",
        ];
        if level == Level::Node
            && !self
                .kubectl(&wait)
                .is_ok_and(|ready| ready.contains("condition met"))
        {
            return missing("has no node that is Ready");
        }
        Ok(self)
    }

    fn level(&self) -> Option<Level> {
        let options = std::fs::read_to_string(self.dir.as_ref()?.join("options")).ok()?;
        let name = options.split_whitespace().next()?;
        [Level::Api, Level::ControlPlane, Level::Node]
            .into_iter()
            .find(|level| level.name() == name)
    }

    pub fn kubeconfig(&self) -> &Path {
        &self.kubeconfig
    }

    pub fn kubectl_path(&self) -> &Path {
        &self.kubectl
    }

    /// Every request but the cluster's own reads, one JSON object per line; none for somebody else's cluster.
    pub fn audit_log(&self) -> Option<PathBuf> {
        self.dir
            .as_ref()
            .map(|dir| dir.join("audit.log"))
            .filter(|path| path.exists())
    }

    /// The state and logs of a cluster of ours.
    pub fn dir(&self) -> Option<&Path> {
        self.dir.as_deref()
    }

    /// Runs kubectl as the administrator and gives what it prints.
    pub fn kubectl(&self, arguments: &[&str]) -> anyhow::Result<String> {
        let mut kubectl = Command::new(&self.kubectl);
        kubectl
            .arg("--kubeconfig")
            .arg(&self.kubeconfig)
            .args(arguments);
        printed(&mut kubectl)
    }

    pub fn apply(&self, manifest: &str) -> anyhow::Result<()> {
        self.kubectl_with_input(&["apply", "-f", "-"], manifest)
    }

    fn kubectl_with_input(&self, arguments: &[&str], input: &str) -> anyhow::Result<()> {
        let mut child = Command::new(&self.kubectl)
            .arg("--kubeconfig")
            .arg(&self.kubeconfig)
            .args(arguments)
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()
            .with_context(|| format!("{} cannot be run", self.kubectl.display()))?;
        child
            .stdin
            .take()
            .context("kubectl has no stdin")?
            .write_all(input.as_bytes())?;
        checked(
            &format!("kubectl {}", arguments.join(" ")),
            child.wait_with_output()?,
        )
        .map(drop)
    }

    /// Waits until a resource definition is served. `kubectl wait` errs on one whose status is still empty.
    pub fn wait_until_served(&self, definition: &str) -> anyhow::Result<()> {
        let path = r#"jsonpath={.status.conditions[?(@.type=="Established")].status}"#;
        for _ in 0..150 {
            if self.kubectl(&["get", "crd", definition, "-o", path])? == "True" {
                return Ok(());
            }
            std::thread::sleep(std::time::Duration::from_millis(200));
        }
        bail!("{definition} is not served after 30 s")
    }

    pub async fn client(&self) -> anyhow::Result<kube::Client> {
        let config = kube::Config::from_custom_kubeconfig(
            Kubeconfig::read_from(&self.kubeconfig)?,
            &KubeConfigOptions::default(),
        )
        .await?;
        Ok(kube::Client::try_from(config)?)
    }

    /// Makes a namespace that no other test has; dropping it deletes it.
    pub fn namespace(&self, prefix: &str) -> anyhow::Result<Namespace<'_>> {
        let name = format!("{prefix}-{}", unique());
        self.kubectl(&["create", "namespace", &name])?;
        let namespace = Namespace {
            cluster: self,
            name,
        };
        if self.level() != Some(Level::Api) {
            let account = [
                "wait",
                "--for=create",
                "--timeout=30s",
                "serviceaccount/default",
            ];
            namespace
                .kubectl(&account)
                .context("the controllers made no default ServiceAccount")?;
        }
        Ok(namespace)
    }

    /// Writes a kubeconfig with exactly the rights of a ServiceAccount.
    pub fn kubeconfig_of(&self, namespace: &str, service_account: &str) -> anyhow::Result<PathBuf> {
        let kubeconfig = self.script("as-service-account", &[namespace, service_account])?;
        let path = self
            .own_dir()?
            .join(format!("{namespace}.{service_account}.kubeconfig"));
        std::fs::write(&path, kubeconfig)
            .with_context(|| format!("{} cannot be written", path.display()))?;
        Ok(path)
    }

    /// `kill`, `stop`, `cont`, `start` or `pid` of a component, say `kubelet`.
    pub fn component(&self, action: &str, name: &str) -> anyhow::Result<String> {
        self.script("component", &[action, name])
    }

    fn script(&self, name: &str, arguments: &[&str]) -> anyhow::Result<String> {
        printed(
            Command::new(Path::new(SCRIPTS).join(name))
                .args(arguments)
                .arg("--dir")
                .arg(self.own_dir()?),
        )
    }

    fn own_dir(&self) -> anyhow::Result<&Path> {
        self.dir()
            .with_context(|| format!("the cluster of {GIVEN} was not started by tests/cluster/up"))
    }
}

impl Drop for Cluster {
    fn drop(&mut self) {
        let (true, Some(dir)) = (self.ends_on_drop, &self.dir) else {
            return;
        };
        match down(dir) {
            // The logs of a failed test are worth a look.
            Ok(()) if !std::thread::panicking() => drop(std::fs::remove_dir_all(dir)),
            Ok(()) => {}
            Err(error) => tell(&format!("a test cluster is still up: {error}")),
        }
    }
}

#[derive(Debug)]
pub struct Namespace<'a> {
    cluster: &'a Cluster,
    name: String,
}

impl Namespace<'_> {
    pub fn name(&self) -> &str {
        &self.name
    }

    pub fn kubectl(&self, arguments: &[&str]) -> anyhow::Result<String> {
        self.cluster
            .kubectl(&[&["--namespace", &self.name], arguments].concat())
    }

    pub fn apply(&self, manifest: &str) -> anyhow::Result<()> {
        self.cluster
            .kubectl_with_input(&["--namespace", &self.name, "apply", "-f", "-"], manifest)
    }
}

impl Drop for Namespace<'_> {
    fn drop(&mut self) {
        // With a shared cluster that is gone already, there is nothing left to delete.
        drop(self.cluster.kubectl(&[
            "delete",
            "namespace",
            &self.name,
            "--wait=false",
            "--ignore-not-found",
        ]));
    }
}

/// The cluster of `HOOKAUDIT_TEST_KUBECONFIG`. It is ours if `up` left its options beside the kubeconfig.
fn given() -> Option<Cluster> {
    let kubeconfig = PathBuf::from(std::env::var_os(GIVEN).filter(|value| !value.is_empty())?);
    if let Some(dir) = kubeconfig
        .parent()
        .filter(|dir| dir.join("options").exists())
    {
        return Some(Cluster::at(dir));
    }
    Some(Cluster {
        kubeconfig,
        kubectl: "kubectl".into(),
        dir: None,
        ends_on_drop: false,
    })
}

/// Named after the test binary, so that its next run takes the place of the last, once that has ended.
fn test_dir(name: &str) -> Result<PathBuf, Unavailable> {
    let program = std::env::current_exe().unwrap_or_default();
    let program = program.file_stem().unwrap_or_default();
    let dir = Path::new(TEST_CLUSTERS).join(program).join(name);
    let owner = std::fs::read_to_string(dir.join("owner")).unwrap_or_default();
    let owner = owner.trim();
    let runs = std::fs::read_link(format!("/proc/{owner}/exe")).unwrap_or_default();
    // The kernel adds ` (deleted)` to a program that was built again since.
    let runs = runs.to_string_lossy();
    let runs = Path::new(runs.trim_end_matches(" (deleted)"));
    let is_same = runs.file_stem() == Some(program);
    if is_same && owner != std::process::id().to_string() {
        return Err(Unavailable::Broken(format!(
            "{} belongs to process {owner}, another run of the same program: wait until it ends",
            dir.display()
        )));
    }
    Ok(dir)
}

fn up(dir: &Path, level: Level, flags: &[&str]) -> Result<(), Unavailable> {
    let broken = |error: io::Error| Unavailable::Broken(format!("{SCRIPTS}/up: {error}"));
    let mut up = Command::new(Path::new(SCRIPTS).join("up"))
        .arg(format!("--{}", level.name()))
        .args(["--owner", &std::process::id().to_string(), "--dir"])
        .arg(dir)
        .args(flags)
        .env_remove(GIVEN)
        .stdin(Stdio::null())
        .stdout(Stdio::null())
        .stderr(Stdio::piped())
        .spawn()
        .map_err(broken)?;
    // Passed on as it comes, because a first build takes minutes.
    let mut last = String::new();
    for line in up
        .stderr
        .take()
        .into_iter()
        .flat_map(|stderr| BufReader::new(stderr).lines())
        .map_while(Result::ok)
    {
        tell(&line);
        last = line;
    }
    let status = up.wait().map_err(broken)?;
    let reason = last.trim_start_matches("cluster: ").to_owned();
    match status.code() {
        Some(0) => Ok(()),
        Some(SOMETHING_MISSING) => Err(Unavailable::Missing(reason)),
        _ => Err(Unavailable::Broken(format!(
            "{SCRIPTS}/up ended with {status}: {reason}"
        ))),
    }
}

fn down(dir: &Path) -> anyhow::Result<()> {
    printed(
        Command::new(Path::new(SCRIPTS).join("down"))
            .arg("--dir")
            .arg(dir),
    )
    .map(drop)
}

fn printed(command: &mut Command) -> anyhow::Result<String> {
    let shown = format!("{command:?}");
    let output = command
        .stdin(Stdio::null())
        .output()
        .with_context(|| format!("{shown} cannot be run"))?;
    checked(&shown, output)
}

fn checked(shown: &str, output: Output) -> anyhow::Result<String> {
    if !output.status.success() {
        bail!(
            "{shown} ended with {}: {}",
            output.status,
            String::from_utf8_lossy(&output.stderr).trim()
        );
    }
    Ok(String::from_utf8(output.stdout)?)
}

fn unique() -> String {
    static NUMBER: AtomicU32 = AtomicU32::new(0);
    let seconds = SystemTime::now()
        .duration_since(UNIX_EPOCH)
        .unwrap_or_default()
        .as_secs();
    format!(
        "{seconds:x}-{:x}-{:x}",
        std::process::id(),
        NUMBER.fetch_add(1, Ordering::Relaxed)
    )
}

/// Straight to stderr, past the capturing of the test harness.
fn tell(line: &str) {
    drop(writeln!(io::stderr(), "{line}"));
}
