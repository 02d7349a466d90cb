//! The operator as a program: started against a cluster, asked, stopped.

use std::fs::File;
use std::io::{Read as _, Write as _};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, ExitStatus, Stdio};
use std::time::{Duration, Instant};

use anyhow::{Context, bail};

/// A running operator. Dropping it ends it.
#[derive(Debug)]
pub struct Operator {
    child: Child,
    address: SocketAddr,
    log: PathBuf,
}

impl Operator {
    /// Starts `program run` with the rights of a kubeconfig; `log` gets what it says.
    ///
    /// # Errors
    /// The program cannot be started.
    pub fn start(
        program: &Path,
        kubeconfig: &Path,
        log: &Path,
        flags: &[&str],
    ) -> anyhow::Result<Self> {
        let address = TcpListener::bind("127.0.0.1:0")?.local_addr()?;
        Self::start_at(address, program, kubeconfig, log, flags)
    }

    /// The same, with its metrics at a known address.
    ///
    /// # Errors
    /// The program cannot be started.
    pub fn start_at(
        address: SocketAddr,
        program: &Path,
        kubeconfig: &Path,
        log: &Path,
        flags: &[&str],
    ) -> anyhow::Result<Self> {
        let file =
            File::create(log).with_context(|| format!("{} cannot be written", log.display()))?;
        let child = Command::new(program)
            .arg("run")
            .arg("--kubeconfig")
            .arg(kubeconfig)
            .args(["--metrics-bind-address", &address.to_string()])
            .args(flags)
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .stderr(file)
            .spawn()
            .with_context(|| format!("{} cannot be run", program.display()))?;
        Ok(Self {
            child,
            address,
            log: log.to_owned(),
        })
    }

    /// Waits until `/readyz` says yes.
    ///
    /// # Errors
    /// The operator ended, or was not ready in time; tells its last words.
    pub fn wait_until_ready(&mut self, limit: Duration) -> anyhow::Result<()> {
        let until = Instant::now() + limit;
        loop {
            if let Some(status) = self.child.try_wait()? {
                bail!("the operator ended with {status}: {}", self.last_words());
            }
            if self.get("/readyz").is_ok_and(|(code, _)| code == 200) {
                return Ok(());
            }
            if Instant::now() > until {
                bail!(
                    "the operator was not ready within {limit:?}: {}",
                    self.last_words()
                );
            }
            std::thread::sleep(Duration::from_millis(100));
        }
    }

    /// The status code and body of a GET on the admin port.
    ///
    /// # Errors
    /// Nobody answers, or not in HTTP.
    pub fn get(&self, path: &str) -> anyhow::Result<(u16, String)> {
        self.get_as(path, "*/*")
    }

    /// The same, in a format that is asked for.
    ///
    /// # Errors
    /// Nobody answers, or not in HTTP.
    pub fn get_as(&self, path: &str, accept: &str) -> anyhow::Result<(u16, String)> {
        let mut stream = TcpStream::connect_timeout(&self.address, Duration::from_secs(5))?;
        stream.set_read_timeout(Some(Duration::from_secs(10)))?;
        write!(
            stream,
            "GET {path} HTTP/1.0\r\nHost: operator\r\nAccept: {accept}\r\nConnection: close\r\n\r\n"
        )?;
        let mut answer = String::new();
        stream.read_to_string(&mut answer)?;
        let (head, body) = answer
            .split_once("\r\n\r\n")
            .context("the answer is not HTTP")?;
        let code = head
            .split(' ')
            .nth(1)
            .context("the answer has no status")?
            .parse()?;
        Ok((code, body.to_owned()))
    }

    #[must_use]
    pub fn process(&self) -> u32 {
        self.child.id()
    }

    /// The last words of one that ended by itself.
    ///
    /// # Errors
    /// It cannot be asked.
    pub fn has_ended(&mut self) -> anyhow::Result<Option<String>> {
        let status = self.child.try_wait()?;
        Ok(status.map(|status| format!("{status}: {}", self.last_words())))
    }

    /// What it logged.
    #[must_use]
    pub fn log(&self) -> String {
        std::fs::read_to_string(&self.log).unwrap_or_default()
    }

    fn last_words(&self) -> String {
        let log = self.log();
        let lines: Vec<&str> = log.lines().collect();
        lines[lines.len().saturating_sub(5)..].join("\n")
    }

    /// Sends it a signal, say `STOP`.
    ///
    /// # Errors
    /// It is gone.
    pub fn signal(&self, name: &str) -> anyhow::Result<()> {
        let status = Command::new("kill")
            .args([&format!("-{name}"), &self.child.id().to_string()])
            .status()?;
        if !status.success() {
            bail!("the operator is gone: {}", self.last_words());
        }
        Ok(())
    }

    /// Asks it to end, as a kubelet would, and waits for it.
    ///
    /// # Errors
    /// It does not end within 20 s.
    pub fn stop(mut self) -> anyhow::Result<ExitStatus> {
        self.signal("TERM")?;
        let until = Instant::now() + Duration::from_secs(20);
        loop {
            if let Some(status) = self.child.try_wait()? {
                return Ok(status);
            }
            if Instant::now() > until {
                bail!("the operator does not end: {}", self.last_words());
            }
            std::thread::sleep(Duration::from_millis(50));
        }
    }
}

impl Drop for Operator {
    fn drop(&mut self) {
        // It may have ended already.
        drop(self.child.kill());
        drop(self.child.wait());
    }
}
