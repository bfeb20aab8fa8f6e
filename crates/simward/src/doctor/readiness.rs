//! What the end of v1 changes, as a page of plain text.

use std::fmt::Write;

use messages::pb::sim::AccountReadiness;

/// The page of one account.
pub fn text(account: &AccountReadiness) -> String {
    let mut text = String::new();
    write(&mut text, account).unwrap_or_default();
    text
}

fn write(text: &mut String, account: &AccountReadiness) -> std::fmt::Result {
    writeln!(text, "Account {}: {}", account.account, account.summary)?;
    writeln!(
        text,
        "v1 ends {}, days left: {}\n",
        account.v1_ends_on, account.days_left
    )?;
    if let Some(login) = &account.login {
        writeln!(text, "login {}: {}", login.result, login.sentence)?;
    }
    for generation in &account.generations {
        let since = generation.since.and_then(messages::Timestamp::to_utc);
        let since = since.map_or_else(String::new, |since| {
            format!(" since {}", since.format("%F %R UTC"))
        });
        writeln!(
            text,
            "{} {}{since}: {}",
            generation.generation, generation.state, generation.sentence
        )?;
    }
    writeln!(text, "\nWhat runs through which generation")?;
    for capability in &account.capabilities {
        let via = match capability.generation.as_str() {
            "" => "none",
            generation => generation,
        };
        writeln!(
            text,
            "{via:5} {:18} {:12} {}",
            capability.capability, capability.outlook, capability.sentence
        )?;
        if !capability.instead.is_empty() {
            writeln!(text, "{:37} {}", "", capability.instead)?;
        }
        for lesson in &capability.learnt {
            let at = lesson.at.and_then(messages::Timestamp::to_utc);
            let at = at.map_or_else(String::new, |at| format!(" ({})", at.format("%F %R UTC")));
            writeln!(text, "{:37} learnt{at}: {}", "", lesson.sentence)?;
        }
    }
    writeln!(text, "\nWhat you have to do")?;
    for task in &account.tasks {
        writeln!(text, "{:7} {:15} {}", task.state, task.task, task.sentence)?;
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use messages::pb::sim::{CapabilityReadiness, GenerationReadiness, ProviderTask};

    use super::*;

    #[test]
    fn the_page_has_a_line_for_everything_that_is_told() {
        let account = AccountReadiness {
            account: "main".into(),
            v1_ends_on: "2026-12-31".into(),
            days_left: 12,
            summary: "Something runs through v1.".into(),
            generations: vec![GenerationReadiness {
                generation: "v1".into(),
                state: "alive".into(),
                sentence: "v1 lists SIMs.".into(),
                ..GenerationReadiness::default()
            }],
            capabilities: vec![CapabilityReadiness {
                capability: "usage".into(),
                outlook: "unavailable".into(),
                sentence: "Nobody offers it.".into(),
                instead: "Wait.".into(),
                ..CapabilityReadiness::default()
            }],
            tasks: vec![ProviderTask {
                task: "credentials".into(),
                state: "done".into(),
                sentence: "They work.".into(),
            }],
            ..AccountReadiness::default()
        };
        let text = text(&account);
        for line in [
            "Account main: Something runs through v1.",
            "v1 ends 2026-12-31, days left: 12",
            "v1 alive: v1 lists SIMs.",
            "none  usage              unavailable  Nobody offers it.",
            "done    credentials     They work.",
        ] {
            assert!(text.lines().any(|is| is == line), "{line}\n{text}");
        }
        assert!(text.lines().any(|line| line.trim() == "Wait."), "{text}");
    }
}
