//! The operator's processes: started, killed, stopped, cut off.

use std::fs;
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::time::Duration;

use anyhow::{Context, bail};

use super::proxy::Proxy;
use crate::operator::Operator;

/// What a replica is started with.
#[derive(Clone, Debug)]
pub struct Settings {
    pub program: PathBuf,
    pub dir: PathBuf,
    pub flags: Vec<String>,
    /// Keep what the core is given, one file per start.
    pub records: bool,
}

pub struct Replica {
    settings: Settings,
    name: String,
    kubeconfig: PathBuf,
    pub proxy: Proxy,
    address: SocketAddr,
    operator: Option<Operator>,
    starts: u32,
}

impl Replica {
    pub async fn new(settings: Settings, name: &str, kubeconfig: &Path) -> anyhow::Result<Self> {
        let text = fs::read_to_string(kubeconfig)?;
        let (_, rest) = text
            .split_once("https://")
            .context("a kubeconfig without a server")?;
        let server = rest
            .split(['"', '\'', ',', '}', '\n'])
            .next()
            .unwrap_or_default()
            .trim();
        let proxy = Proxy::start(server.parse().with_context(|| server.to_owned())?).await?;
        let through = settings.dir.join(format!("{name}.kubeconfig"));
        fs::write(&through, text.replace(server, &proxy.address().to_string()))?;
        Ok(Self {
            settings,
            name: name.to_owned(),
            kubeconfig: through,
            proxy,
            address: std::net::TcpListener::bind("127.0.0.1:0")?.local_addr()?,
            operator: None,
            starts: 0,
        })
    }

    pub fn start(&mut self) -> anyhow::Result<()> {
        if self.operator.is_some() {
            bail!("{} runs already", self.name);
        }
        self.starts += 1;
        let stem = self
            .settings
            .dir
            .join(format!("{}-{}", self.name, self.starts));
        let mut flags: Vec<String> = self.settings.flags.clone();
        if self.settings.records {
            flags.push("--record".to_owned());
            flags.push(stem.with_extension("jsonl").display().to_string());
        }
        let flags: Vec<&str> = flags.iter().map(String::as_str).collect();
        let log = stem.with_extension("log");
        let program = &self.settings.program;
        self.operator = Some(Operator::start_at(
            self.address,
            program,
            &self.kubeconfig,
            &log,
            &flags,
        )?);
        Ok(())
    }

    /// Ends it at once.
    pub fn kill(&mut self) {
        drop(self.operator.take());
    }

    pub fn signal(&self, signal: &str) -> anyhow::Result<()> {
        self.running()?.signal(signal)
    }

    /// Asks it to end, and waits for it.
    pub fn terminate(&mut self) -> anyhow::Result<()> {
        let operator = self.operator.take().context("it does not run")?;
        let status = operator.stop()?;
        if !status.success() {
            bail!("{} ended with {status}", self.name);
        }
        Ok(())
    }

    /// Takes notice of one that ended by itself, with its last words.
    pub fn has_ended(&mut self) -> anyhow::Result<Option<String>> {
        let Some(operator) = &mut self.operator else {
            return Ok(None);
        };
        let ended = operator.has_ended()?;
        if ended.is_some() {
            self.operator = None;
        }
        Ok(ended)
    }

    pub fn wait_until_ready(&mut self, limit: Duration) -> anyhow::Result<()> {
        self.operator
            .as_mut()
            .context("it does not run")?
            .wait_until_ready(limit)
    }

    pub fn name(&self) -> &str {
        &self.name
    }

    pub fn address(&self) -> SocketAddr {
        self.address
    }

    pub fn is_running(&self) -> bool {
        self.operator.is_some()
    }

    pub fn process(&self) -> Option<u32> {
        self.operator.as_ref().map(Operator::process)
    }

    fn running(&self) -> anyhow::Result<&Operator> {
        self.operator
            .as_ref()
            .with_context(|| format!("{} does not run", self.name))
    }
}
