//! Which paths a fault or an ended path means.

/// Whether `path` begins with `pattern`, with or without `/management-api`; `*` stands for any characters and a final
/// `$` for the end.
pub fn fits(pattern: &str, path: &str) -> bool {
    let inner = path.strip_prefix("/management-api").unwrap_or(path);
    glob(pattern, path) || glob(pattern, inner)
}

fn glob(pattern: &str, text: &str) -> bool {
    let (pattern, whole) = match pattern.strip_suffix('$') {
        Some(rest) => (rest, true),
        None => (pattern, false),
    };
    match pattern.split_once('*') {
        None if whole => pattern == text,
        None => text.starts_with(pattern),
        Some((head, tail)) => {
            let Some(rest) = text.strip_prefix(head) else {
                return false;
            };
            let tail = if whole {
                format!("{tail}$")
            } else {
                tail.to_owned()
            };
            rest.char_indices()
                .map(|(i, _)| i)
                .chain([rest.len()])
                .any(|i| glob(&tail, &rest[i..]))
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn patterns() {
        let path = "/management-api/v1/sims/8988/topup";
        for hit in [
            "",
            "/v1/sims",
            "/management-api/v1",
            "*/topup",
            "/v1/sims/*/topup$",
            "*sims*",
        ] {
            assert!(fits(hit, path), "{hit}");
        }
        for miss in ["/v2", "/v1/sims$", "*/topups", "/v1/sims/*/quota"] {
            assert!(!fits(miss, path), "{miss}");
        }
    }
}
