//! `simward audit`: whether the log is what was written, and the log itself.

use std::io::{BufWriter, ErrorKind, Write};

use clap::Subcommand;
use gateway::audit::{self, Export, ExportedEntry};
use service_runtime::config::Settings;
use service_runtime::db::Db;

#[derive(Subcommand)]
pub enum Audit {
    /// Follows the chain of hashes from its beginning; fails when a row was changed or is missing
    Verify,
    /// Prints every row, the oldest first, one JSON object a line
    Export,
}

pub async fn run(command: Audit, settings: &Settings) -> anyhow::Result<()> {
    let database = settings.runtime()?.database;
    let db = Db::connect(&database, gateway::SERVICE.schema).await?;
    match command {
        Audit::Verify => verify(&db).await,
        Audit::Export => export(db).await,
    }
}

async fn verify(db: &Db) -> anyhow::Result<()> {
    let report = audit::verify(db, None).await?;
    println!(
        "{} row(s) checked; the newest is {} with hash {}",
        report.checked,
        report.head_seq,
        audit::hex(&report.head_hash)
    );
    if let Some(seq) = report.first_bad_seq {
        anyhow::bail!("the chain breaks at row {seq}: it was changed, or it is missing");
    }
    Ok(())
}

async fn export(db: Db) -> anyhow::Result<()> {
    let mut export = Export::all(db).await?;
    let mut out = BufWriter::new(std::io::stdout().lock());
    loop {
        let rows = export.next_part().await?;
        if rows.is_empty() {
            return Ok(());
        }
        let printed = rows.iter().try_for_each(|row| print(&mut out, row));
        match printed.and_then(|()| out.flush()) {
            // A reader that went away, as in `| head`, ends the export.
            Err(error) if error.kind() == ErrorKind::BrokenPipe => return Ok(()),
            written => written?,
        }
    }
}

fn print(out: &mut impl Write, row: &ExportedEntry) -> std::io::Result<()> {
    serde_json::to_writer(&mut *out, row)?;
    out.write_all(b"\n")
}
