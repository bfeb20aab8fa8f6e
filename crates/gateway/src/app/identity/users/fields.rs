//! What the fields of a user look like.

/// What a username looks like.
pub const USERNAME: &str = "has 1 to 64 characters of a-z, 0-9, dot, underscore, @ and dash";
/// What an e-mail address looks like.
pub const EMAIL: &str = "is an e-mail address of at most 254 characters";
/// How long a password is.
pub const PASSWORD: &str = "has 12 to 128 characters";
/// What a full name looks like.
pub const FULL_NAME: &str = "is a text of 1 to 255 characters, none of them a control character, or null";

pub fn is_username(text: &str) -> bool {
    let plain = |c: u8| c.is_ascii_lowercase() || c.is_ascii_digit() || b"._@-".contains(&c);
    (1..=64).contains(&text.len()) && text.bytes().all(plain)
}

/// Something before one `@`, behind it a domain with a dot; whether it exists only a letter tells.
pub fn is_email(text: &str) -> bool {
    let Some((local, domain)) = text.split_once('@') else {
        return false;
    };
    let label = |label: &str| {
        !label.is_empty()
            && !label.starts_with('-')
            && !label.ends_with('-')
            && label.chars().all(|c| c.is_alphanumeric() || c == '-')
    };
    let visible = |c: char| !c.is_whitespace() && !c.is_control() && c != '@';
    (1..=64).contains(&local.chars().count())
        && local.chars().all(visible)
        && domain.contains('.')
        && domain.split('.').all(label)
        && text.chars().count() <= 254
}

pub fn is_full_name(text: &str) -> bool {
    !text.trim().is_empty() && text.chars().count() <= 255 && !text.chars().any(char::is_control)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_username_has_few_plain_characters() {
        for good in ["a", "ada.lovelace_1@site-2", &"x".repeat(64)] {
            assert!(is_username(good), "{good}");
        }
        for bad in ["", "Ada", "a b", "\u{e4}da", "a/b", "a\n", &"x".repeat(65)] {
            assert!(!is_username(bad), "{bad}");
        }
    }

    #[test]
    fn an_email_address_has_a_domain() {
        for good in ["a@b.c", "Ada+sims@mail.example.org", "\u{e4}da@b\u{fc}ro.example"] {
            assert!(is_email(good), "{good}");
        }
        let long = format!("{}@example.org", "x".repeat(65));
        for bad in [
            "",
            "a",
            "@b.c",
            "a@",
            "a@b",
            "a@b..c",
            "a@@b.c",
            "a@b.c@d.e",
            "a b@c.d",
            "a@b.c\n",
            "a@-b.c",
            &long,
        ] {
            assert!(!is_email(bad), "{bad}");
        }
    }
}
