use std::net::{IpAddr, SocketAddr};

use ipnet::IpNet;
use serde::Deserialize;

/// Networks of proxies whose `X-Forwarded-For` is believed; written as a list with commas.
#[derive(Debug, Clone, Default, PartialEq, Eq, Deserialize)]
#[serde(try_from = "String")]
pub struct TrustedProxies(Vec<IpNet>);

impl TryFrom<String> for TrustedProxies {
    type Error = String;

    fn try_from(text: String) -> Result<Self, String> {
        let parts = text.split(',').map(str::trim).filter(|part| !part.is_empty());
        let network = |part: &str| {
            let alone = part.parse::<IpAddr>().map(IpNet::from);
            alone
                .or_else(|_| part.parse())
                .map_err(|_| format!("trusted_proxies: `{part}` is no network, such as 10.0.0.0/8"))
        };
        parts.map(network).collect::<Result<_, _>>().map(Self)
    }
}

impl TrustedProxies {
    /// Where a request comes from: the peer, or, when that is a trusted proxy, the last address in `X-Forwarded-For`
    /// that is none. What stands before it may be anybody's invention.
    pub fn client<'a>(&self, peer: IpAddr, forwarded: impl DoubleEndedIterator<Item = &'a str>) -> IpAddr {
        let mut client = peer.to_canonical();
        for hop in forwarded.rev().flat_map(|line| line.rsplit(',')) {
            if !self.trust(client) {
                break;
            }
            match address(hop.trim()) {
                Some(address) => client = address,
                None => break,
            }
        }
        client
    }

    fn trust(&self, address: IpAddr) -> bool {
        self.0.iter().any(|network| network.contains(&address))
    }
}

/// An address with or without a port, as proxies write it.
fn address(text: &str) -> Option<IpAddr> {
    let bare = text.trim_start_matches('[').trim_end_matches(']');
    let parsed = bare
        .parse()
        .or_else(|_| text.parse().map(|addr: SocketAddr| addr.ip()));
    parsed.ok().map(|address: IpAddr| address.to_canonical())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn client(trusted: &str, peer: &str, forwarded: &[&str]) -> String {
        let proxies = TrustedProxies::try_from(trusted.to_owned()).unwrap();
        proxies
            .client(peer.parse().unwrap(), forwarded.iter().copied())
            .to_string()
    }

    #[test]
    fn only_a_trusted_proxy_is_believed_and_only_its_last_untrusted_address() {
        let trusted = "10.0.0.0/8, fd00::/8,192.0.2.7";
        assert_eq!(client("", "10.0.0.1", &["203.0.113.9"]), "10.0.0.1");
        assert_eq!(client(trusted, "198.51.100.1", &["203.0.113.9"]), "198.51.100.1");
        assert_eq!(
            client(trusted, "10.0.0.1", &["6.6.6.6, 203.0.113.9"]),
            "203.0.113.9"
        );
        assert_eq!(
            client(
                trusted,
                "::ffff:10.0.0.1",
                &["6.6.6.6", "203.0.113.9:4711, 192.0.2.7"]
            ),
            "203.0.113.9"
        );
        assert_eq!(client(trusted, "fd00::1", &["[2001:db8::9]:80"]), "2001:db8::9");
        assert_eq!(client(trusted, "10.0.0.1", &["6.6.6.6, unknown"]), "10.0.0.1");
        assert_eq!(client(trusted, "10.0.0.1", &["10.0.0.3, 10.0.0.2"]), "10.0.0.3");
        assert_eq!(client(trusted, "10.0.0.1", &[]), "10.0.0.1");
    }

    #[test]
    fn what_is_no_network_is_refused_by_name() {
        let error = TrustedProxies::try_from("10.0.0.0/8, home".to_owned()).unwrap_err();
        assert!(error.contains("`home`"), "{error}");
    }
}
