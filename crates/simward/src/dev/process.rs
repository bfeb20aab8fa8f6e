//! A program that runs on after the command that started it, known again by its pid file.

use std::fs::{self, File};
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

use anyhow::Context;
use procfs::net::TcpState;
use procfs::process::FDTarget;
use rustix::process::{Pid, Signal, kill_process};

use super::env_file::{read_or_empty, write_private};
use super::environment::Environment;

const POLL: Duration = Duration::from_millis(50);
/// What the kernel needs to end a killed process.
const AFTER_KILL: Duration = Duration::from_secs(10);

/// One of the installation's programs.
#[derive(Debug, Clone)]
pub struct Process {
    /// What the program is called.
    pub name: &'static str,
    program: PathBuf,
    run: PathBuf,
    logs: PathBuf,
}

/// What the pid file tells, a line each. A number alone may belong to somebody else by now.
#[derive(Debug, PartialEq, Eq)]
struct Identity {
    pid: i32,
    program: PathBuf,
    /// In ticks since the machine started; a file of an earlier version lacks it.
    began: Option<u64>,
}

/// What became of a start.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Start {
    /// A new process runs.
    New,
    /// The one that ran already has the same settings.
    Unchanged,
}

impl Process {
    /// The program in the folder `programs`; its pid file lies in `run`, its log in `logs`.
    pub fn new(name: &'static str, programs: &Path, run: &Path, logs: &Path) -> Self {
        Self {
            name,
            program: programs.join(name),
            run: run.to_owned(),
            logs: logs.to_owned(),
        }
    }

    /// Where it lies.
    pub fn program(&self) -> &Path {
        &self.program
    }

    /// Its output.
    pub fn log(&self) -> PathBuf {
        self.logs.join(format!("{}.log", self.name))
    }

    /// Its number, while it runs and is the one that this installation started.
    pub fn pid(&self) -> Option<i32> {
        let identity = self.identity()?;
        identity.runs_its_program().then_some(identity.pid)
    }

    /// Whether no process is left of the last start; one that is only about to become its program is not gone.
    pub fn has_ended(&self) -> bool {
        !self.identity().is_some_and(|identity| identity.lives())
    }

    /// Whether it listens on this port itself: an answer from there may be somebody else's.
    pub fn listens(&self, port: u16) -> bool {
        self.pid()
            .is_some_and(|pid| has_listener(pid, port).unwrap_or(false))
    }

    /// Starts it with these arguments, unless it already runs from the same file with the same arguments and settings.
    pub async fn start(&self, arguments: &[&str], environment: &Environment) -> anyhow::Result<Start> {
        let program = fs::canonicalize(&self.program)
            .with_context(|| format!("{} is not built", self.program.display()))?;
        let print = environment.fingerprint(&program, arguments)?;
        let print_file = self.run.join(format!("{}.print", self.name));
        if self.pid().is_some() {
            if read_or_empty(&print_file)?.trim_end() == print {
                return Ok(Start::Unchanged);
            }
            self.stop(super::PATIENCE).await?;
        }
        let pid = self.spawn(&program, arguments, environment)?;
        let identity = Identity {
            pid,
            program,
            began: look(pid).map(|stat| stat.starttime),
        };
        write_private(&self.pid_file(), &identity.to_text())?;
        write_private(&print_file, &format!("{print}\n"))?;
        Ok(Start::New)
    }

    /// In a session of its own, so that neither the terminal's end nor its interrupt reaches the program.
    fn spawn(&self, program: &Path, arguments: &[&str], environment: &Environment) -> anyhow::Result<i32> {
        let log = self.log();
        if fs::metadata(&log).is_ok_and(|file| file.len() > 0) {
            fs::rename(&log, self.logs.join(format!("{}.old.log", self.name)))?;
        }
        let output = File::create(&log).with_context(|| log.display().to_string())?;
        let child = Command::new("setsid")
            .arg(program)
            .args(arguments)
            .envs(environment.variables())
            .stdin(Stdio::null())
            .stdout(output.try_clone()?)
            .stderr(output)
            .spawn()
            .context("setsid (util-linux)")?;
        Ok(i32::try_from(child.id())?)
    }

    /// Asks it to end and waits; kills it when it has not ended in time. Whether it ran.
    pub async fn stop(&self, patience: Duration) -> anyhow::Result<bool> {
        let Some(pid) = self.pid() else {
            return Ok(false);
        };
        signal(pid, Signal::TERM)?;
        if !self.goes_within(patience).await {
            eprintln!(
                "{} ({pid}) did not stop within {}s: killed",
                self.name,
                patience.as_secs()
            );
            signal(pid, Signal::KILL)?;
            anyhow::ensure!(
                self.goes_within(AFTER_KILL).await,
                "{} ({pid}) cannot be killed",
                self.name
            );
        }
        Ok(true)
    }

    async fn goes_within(&self, patience: Duration) -> bool {
        let deadline = Instant::now() + patience;
        while self.pid().is_some() {
            if Instant::now() >= deadline {
                return false;
            }
            tokio::time::sleep(POLL).await;
        }
        true
    }

    fn pid_file(&self) -> PathBuf {
        self.run.join(format!("{}.pid", self.name))
    }

    fn identity(&self) -> Option<Identity> {
        // A file that cannot be read names nobody.
        Identity::parse(&fs::read_to_string(self.pid_file()).ok()?)
    }
}

impl Identity {
    fn parse(text: &str) -> Option<Self> {
        let mut lines = text.lines();
        Some(Self {
            pid: lines.next()?.parse().ok().filter(|pid| *pid > 1)?,
            program: lines.next()?.into(),
            began: lines.next().and_then(|ticks| ticks.parse().ok()),
        })
    }

    fn to_text(&self) -> String {
        let began = self.began.map(|ticks| format!("{ticks}\n")).unwrap_or_default();
        format!("{}\n{}\n{began}", self.pid, self.program.display())
    }

    /// A process that ended and is not yet collected by its parent holds nothing any more.
    fn lives(&self) -> bool {
        look(self.pid).is_some_and(|stat| {
            !matches!(stat.state, 'Z' | 'X') && self.began.is_none_or(|began| began == stat.starttime)
        })
    }

    fn runs_its_program(&self) -> bool {
        self.lives() && program_of(self.pid).is_some_and(|program| program == self.program)
    }
}

fn look(pid: i32) -> Option<procfs::process::Stat> {
    procfs::process::Process::new(pid).ok()?.stat().ok()
}

/// One that was built anew meanwhile is shown as deleted.
fn program_of(pid: i32) -> Option<PathBuf> {
    let program = procfs::process::Process::new(pid).ok()?.exe().ok()?;
    let text = program.to_str()?;
    Some(text.strip_suffix(" (deleted)").unwrap_or(text).into())
}

fn has_listener(pid: i32, port: u16) -> procfs::ProcResult<bool> {
    let mut sockets = procfs::net::tcp()?;
    // A machine without IPv6 has no such table.
    sockets.extend(procfs::net::tcp6().unwrap_or_default());
    let listening = |inode| {
        sockets.iter().any(|socket| {
            socket.inode == inode && socket.state == TcpState::Listen && socket.local_address.port() == port
        })
    };
    let files = procfs::process::Process::new(pid)?.fd()?;
    // One that was closed meanwhile is not the one that is looked for.
    Ok(files
        .flatten()
        .any(|file| matches!(file.target, FDTarget::Socket(inode) if listening(inode))))
}

/// A process that has ended already is no failure.
fn signal(pid: i32, signal: Signal) -> anyhow::Result<()> {
    let Some(target) = Pid::from_raw(pid) else {
        return Ok(());
    };
    match kill_process(target, signal) {
        Err(error) if error != rustix::io::Errno::SRCH => {
            Err(error).with_context(|| format!("process {pid} cannot be ended"))
        }
        _ => Ok(()),
    }
}
