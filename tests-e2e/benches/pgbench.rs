//! The same rows without Simward: what PostgreSQL can do at best.

use std::ffi::OsString;
use std::path::PathBuf;
use std::process::Command;
use std::time::{Duration, Instant};

use crate::fleet::{Fleet, iccid};
use crate::gets::CONNECTIONS;
use crate::load::Load;
use crate::sizes::Sizes;

/// Where sim-service has its query; it keeps it to itself.
const SOURCE: &str = include_str!("../../crates/sim-service/src/store/row.rs");

/// One round of any SIM; `None` when there is no pgbench.
pub fn one_row(fleet: &Fleet, sizes: &Sizes) -> Option<Load> {
    let script = format!(
        "\\set n random(0, {})\n\\set iccid {} + :n / 500 * 10000 + :n % 500\n\
         {} WHERE iccid = :iccid AND (NULL::uuid IS NULL OR sims.organization_id = NULL::uuid);\n",
        sizes.filled() - 1,
        iccid(0),
        select(),
    );
    round(fleet, sizes, &[script])
}

/// One round of the pages of so many SIMs behind one of these; `None` when there is no pgbench.
pub fn pages(fleet: &Fleet, sizes: &Sizes, behind: &[i64], rows: usize) -> Option<Load> {
    let scripts: Vec<String> = behind
        .iter()
        .map(|behind| {
            format!(
                "WITH sims AS (SELECT * FROM sims WHERE list_status < 9 AND iccid > {behind} ORDER BY iccid \
                 LIMIT {rows}) {} ORDER BY iccid;\n",
                select()
            )
        })
        .collect();
    round(fleet, sizes, &scripts)
}

/// One of the scripts after the other by chance, with prepared statements.
fn round(fleet: &Fleet, sizes: &Sizes, scripts: &[String]) -> Option<Load> {
    let program = program()?;
    let folder = std::env::temp_dir().join(format!("simward-pgbench-{}", std::process::id()));
    std::fs::create_dir_all(&folder).expect("a folder");
    let mut files = Vec::new();
    for (number, script) in scripts.iter().enumerate() {
        let file = folder.join(format!("{number}.sql"));
        std::fs::write(&file, script).expect("a script");
        files.extend([OsString::from("-f"), file.into_os_string()]);
    }
    let clients = CONNECTIONS.to_string();
    let seconds = sizes.round.as_secs().to_string();
    let (url, password) = without_password(&fleet.sandbox.scope.database_url);
    let began = Instant::now();
    let output = Command::new(program)
        .args([
            "-n", "-M", "prepared", "-j", "1", "-l", "-c", &clients, "-T", &seconds,
        ])
        .args(&files)
        .arg(url)
        .env("PGPASSWORD", password)
        .env("PGOPTIONS", "-c search_path=sim")
        .current_dir(&folder)
        .output()
        .expect("pgbench starts");
    let elapsed = began.elapsed();
    assert!(
        output.status.success(),
        "{}",
        String::from_utf8_lossy(&output.stderr)
    );
    let printed = String::from_utf8_lossy(&output.stdout).into_owned();
    let times = logged_times(&folder);
    std::fs::remove_dir_all(&folder).expect("the folder goes");
    let mut load = Load::new(times, elapsed);
    // Its own number leaves out the time that its connections took.
    load.per_second = rate(&printed).unwrap_or_else(|| panic!("no tps in {printed}"));
    Some(load)
}

/// Every user of the machine can read a command line, so the password does not stand there.
fn without_password(url: &str) -> (String, String) {
    let (scheme, rest) = url.split_once("://").expect("a URL");
    let (login, server) = rest.rsplit_once('@').expect("a login");
    let (user, password) = login.split_once(':').expect("a password");
    (format!("{scheme}://{user}@{server}"), password.to_owned())
}

/// In one line, as a script wants it.
fn select() -> String {
    let (_, rest) = SOURCE
        .split_once("const SELECT: &str = \"")
        .expect("sim-service's query");
    let (select, _) = rest.split_once("\";").expect("sim-service's query");
    select.replace('\n', " ")
}

/// Lines of pgbench's log: client, number, microseconds, and more.
fn logged_times(folder: &std::path::Path) -> Vec<Duration> {
    let files = std::fs::read_dir(folder).expect("the folder").flatten();
    let logs = files.filter(|file| file.file_name().to_string_lossy().starts_with("pgbench_log"));
    let texts = logs.map(|file| std::fs::read_to_string(file.path()).expect("a log"));
    texts
        .flat_map(|text| {
            let micros = text
                .lines()
                .filter_map(|line| line.split(' ').nth(2)?.parse().ok());
            micros.map(Duration::from_micros).collect::<Vec<_>>()
        })
        .collect()
}

fn rate(printed: &str) -> Option<f64> {
    let (_, rest) = printed.split_once("tps = ")?;
    rest.split_whitespace().next()?.parse().ok()
}

/// Beside the private PostgreSQL of `deploy/dev/stack`, or in the path.
fn program() -> Option<PathBuf> {
    private_programs()
        .map(|folder| folder.join("pgbench"))
        .filter(|file| file.is_file())
        .or_else(|| {
            let path = std::env::var_os("PATH")?;
            std::env::split_paths(&path)
                .map(|folder| folder.join("pgbench"))
                .find(|file| file.is_file())
        })
}

/// The stack script knows where it unpacks; as root that may be the system's cache.
fn private_programs() -> Option<PathBuf> {
    let script = std::env::var_os("SIMWARD_STACK")?;
    let output = Command::new(script).arg("programs").output().ok()?;
    let folder = String::from_utf8(output.stdout).ok()?;
    output.status.success().then(|| PathBuf::from(folder.trim_end()))
}
