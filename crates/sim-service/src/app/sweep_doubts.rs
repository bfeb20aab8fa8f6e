//! What the last readings of the fleet leave in doubt.

use crate::store::RunEnd;

/// A sentence for each doubt; `ends` are the last two ended runs of each account, the last one first.
pub fn sweep_doubts(ends: &[RunEnd]) -> Vec<String> {
    let of_account = ends.chunk_by(|one, next| one.account == next.account);
    of_account.flat_map(doubts).collect()
}

fn doubts(ends: &[RunEnd]) -> Vec<String> {
    let Some(last) = ends.first() else {
        return Vec::new();
    };
    let account = &last.account;
    let mut doubts = Vec::new();
    if last.records_rejected > 0 {
        doubts.push(format!(
            "account {account}: the last sweep could not read {} record(s) of 1NCE, so their SIMs stay as they were; table sim.rejects keeps them",
            last.records_rejected
        ));
    }
    if ends.len() > 1 && ends.iter().all(|end| end.pass > 1) {
        doubts.push(format!(
            "account {account}: the last sweeps needed more than one pass: 1NCE's total moves or is wrong, so nothing is known to be missing until a pass agrees with it"
        ));
    }
    doubts
}

#[cfg(test)]
mod tests {
    use super::*;

    fn end(account: &str, pass: i32, records_rejected: i64) -> RunEnd {
        RunEnd {
            account: account.into(),
            pass,
            records_rejected,
        }
    }

    #[test]
    fn rejects_of_the_last_sweep_and_several_passes_in_a_row_raise_doubts() {
        assert!(sweep_doubts(&[]).is_empty());
        assert!(
            sweep_doubts(&[end("a", 1, 0), end("a", 3, 7)]).is_empty(),
            "that is over"
        );
        assert!(sweep_doubts(&[end("a", 3, 0)]).is_empty(), "once is no row");
        let told = sweep_doubts(&[end("a", 3, 2), end("a", 2, 0), end("b", 1, 0), end("b", 2, 0)]);
        assert_eq!(told.len(), 2, "{told:?}");
        assert!(told[0].contains("could not read 2 record(s)"), "{told:?}");
        assert!(told[1].contains("more than one pass"), "{told:?}");
    }
}
