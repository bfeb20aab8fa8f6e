//! Calls to another system that are made at most once: what costs money or reaches a device.
//!
//! ```text
//!              open                    accepted
//!   intended ────────▶ open ─────────────────────▶ done
//!      ▲                │ │                          ▲
//!      └────────────────┘ ├─▶ refused                │ a reading shows it
//!       nothing was sent  │                          │
//!                         └── nobody knows: readings ┴─▶ uncertain, which a person is told
//! ```
//!
//! A call is written down as open before it is made, so whoever finds an open call, in this process or after another one
//! died, knows that it may have been made. From then on it is only read about, never made again. Here are the rules
//! alone; a service brings its rows and its calls: [`Ledger`] and [`call_once`] make, [`judge`] settles, and
//! [`next_step`] says when the work may end: never before each of its calls has an outcome.

#[cfg(test)]
mod tests;

/// What became of making a call.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Made<R, E> {
    /// The other system accepted it.
    Done(R),
    /// It understood and refused: nothing happened, and nothing will.
    Refused(E),
    /// Certainly nothing was sent: the call is intended again.
    NotSent(E),
    /// Nobody knows: the call stays open.
    Unknown(E),
}

/// What the other system shows of an open call, when it is read.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Seen {
    /// It was done.
    Done,
    /// Nothing of it, so far.
    Nothing,
    /// The other system could not be read, which says nothing about the call.
    Unreadable,
}

/// What follows from a reading.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Verdict {
    /// The call was done.
    Done,
    /// It is read again later; so many readings have shown nothing of it.
    ReadAgain {
        /// Readings that could be read.
        looks: u32,
    },
    /// Readings alone do not settle it: a person is told what is known.
    Uncertain,
}

/// Judges an open call that `looks` readings have shown nothing of; `most` of them leave it to a person. A reading that
/// failed does not count: an outage must not settle what it has caused.
pub fn judge(seen: Seen, looks: u32, most: u32) -> Verdict {
    match seen {
        Seen::Done => Verdict::Done,
        Seen::Unreadable => Verdict::ReadAgain { looks },
        Seen::Nothing if looks.saturating_add(1) < most => Verdict::ReadAgain { looks: looks + 1 },
        Seen::Nothing => Verdict::Uncertain,
    }
}

/// Whether some of a work's calls are left, and whether their time has come.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Left {
    /// None.
    No,
    /// Some, for later.
    Later,
    /// Some are due.
    Due,
}

/// What a piece of work does next.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Step {
    /// Reads about the open calls that are due.
    Settle,
    /// Makes an intended call.
    Begin,
    /// Everything left has its time later.
    Wait,
    /// Every call has an outcome, or was never begun.
    End,
}

/// The next step of a work. `begins` is false for one that is cancelled or has failed: it begins nothing more, and ends
/// like any other only when nothing is open.
pub fn next_step(begins: bool, open: Left, intended: Left) -> Step {
    match (open, intended) {
        (Left::Due, _) => Step::Settle,
        (_, Left::Due) if begins => Step::Begin,
        (Left::Later, _) => Step::Wait,
        (Left::No, Left::Later) if begins => Step::Wait,
        (Left::No, _) => Step::End,
    }
}

/// Where calls are written down; each method is one transaction.
pub trait Ledger {
    /// A call.
    type Call: Sync;
    /// What the other system tells about a call that it accepted.
    type Receipt: Send + Sync;
    /// Why it was not made, or not answered.
    type Failure: Send + Sync;
    /// The store's.
    type Error: Send;

    /// Commits that an intended call is open. `false`, and nothing written, when it is not intended any more.
    fn open(&self, call: &Self::Call) -> impl Future<Output = Result<bool, Self::Error>> + Send;

    /// Commits what became of an open call. What is unknown stays open.
    fn close(
        &self,
        call: &Self::Call,
        made: &Made<Self::Receipt, Self::Failure>,
    ) -> impl Future<Output = Result<(), Self::Error>> + Send;
}

/// Makes an intended call: written down, made, and its outcome written down. `None` when it is not intended any more;
/// `make` is not begun then.
///
/// # Errors
/// The store's. When it fails behind the call, the call stays open and is settled by reading.
pub async fn call_once<L, F>(
    ledger: &L,
    call: &L::Call,
    make: F,
) -> Result<Option<Made<L::Receipt, L::Failure>>, L::Error>
where
    L: Ledger + Sync,
    F: Future<Output = Made<L::Receipt, L::Failure>> + Send,
{
    if !ledger.open(call).await? {
        return Ok(None);
    }
    let made = make.await;
    ledger.close(call, &made).await?;
    Ok(Some(made))
}
