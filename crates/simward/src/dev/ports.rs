//! Addresses on this machine: which are free, and which of them to take.

use std::net::{Ipv4Addr, SocketAddr, TcpStream};
use std::time::Duration;

use anyhow::Context;

/// Below the range that the kernel hands to clients.
const RANGE: std::ops::Range<u16> = 20_000..32_000;

/// Whether somebody listens on this port of 127.0.0.1.
pub fn in_use(port: u16) -> bool {
    let address = SocketAddr::from((Ipv4Addr::LOCALHOST, port));
    TcpStream::connect_timeout(&address, Duration::from_secs(1)).is_ok()
}

/// A port that nobody listens on; who starts there may still find that somebody was faster.
pub fn free() -> anyhow::Result<u16> {
    (0..200)
        .map(|_| rand::random_range(RANGE))
        .find(|port| !in_use(*port))
        .context("no free port between 20000 and 32000 on 127.0.0.1")
}

/// The port of an address such as `127.0.0.1:8080`.
pub fn port_of(address: &str) -> anyhow::Result<u16> {
    address
        .rsplit_once(':')
        .and_then(|(_, port)| port.parse().ok())
        .with_context(|| format!("{address} is no address with a port, such as 127.0.0.1:8080"))
}

/// `http://...` of a listen address; an address of all interfaces is reached by this machine's own.
pub fn url(address: &str) -> String {
    match address.strip_prefix("0.0.0.0:") {
        Some(port) => format!("http://127.0.0.1:{port}"),
        None => format!("http://{address}"),
    }
}

/// What is wanted of one address.
pub struct Wish<'a> {
    /// The variable that gives it.
    pub variable: &'a str,
    /// What that variable holds.
    pub given: Option<&'a str>,
    /// What was taken before, or what is usual.
    pub usual: &'a str,
}

impl Wish<'_> {
    /// The address that was given, or else the usual one, or any free one when that is taken.
    ///
    /// # Errors
    /// When the address that was given is taken.
    pub fn choose(&self, is_taken: impl FnOnce(&str) -> anyhow::Result<bool>) -> anyhow::Result<String> {
        let wanted = self.given.unwrap_or(self.usual);
        if !is_taken(wanted)? {
            return Ok(wanted.to_owned());
        }
        if self.given.is_some() {
            anyhow::bail!("{}={wanted}: something else listens there", self.variable);
        }
        Ok(format!("127.0.0.1:{}", free()?))
    }
}

#[cfg(test)]
mod tests {
    use std::net::TcpListener;

    use super::*;

    const USUAL: &str = "127.0.0.1:8080";

    fn wish(given: Option<&'static str>) -> Wish<'static> {
        Wish {
            variable: "SIMWARD_LISTEN",
            given,
            usual: USUAL,
        }
    }

    #[test]
    fn what_is_given_wins_and_the_usual_address_moves_on_when_it_is_taken() {
        assert_eq!(wish(None).choose(|_| Ok(false)).unwrap(), USUAL);
        assert_eq!(
            wish(Some("0.0.0.0:1")).choose(|_| Ok(false)).unwrap(),
            "0.0.0.0:1"
        );

        let moved = wish(None).choose(|address| Ok(address == USUAL)).unwrap();

        assert!(RANGE.contains(&port_of(&moved).unwrap()), "{moved}");
    }

    #[test]
    fn a_given_address_that_is_taken_is_an_error_that_names_its_variable() {
        let error = wish(Some("127.0.0.1:80")).choose(|_| Ok(true)).unwrap_err();
        assert_eq!(
            error.to_string(),
            "SIMWARD_LISTEN=127.0.0.1:80: something else listens there"
        );
    }

    #[test]
    fn a_port_is_in_use_while_somebody_listens() {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        assert!(in_use(listener.local_addr().unwrap().port()));
    }

    #[test]
    fn addresses_are_read_and_shown_as_urls() {
        assert_eq!(port_of("[::1]:8080").unwrap(), 8080);
        assert!(port_of("8080").is_err());
        assert_eq!(url("0.0.0.0:8080"), "http://127.0.0.1:8080");
        assert_eq!(url("[::1]:8080"), "http://[::1]:8080");
    }
}
