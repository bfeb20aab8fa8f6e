//! The services that `simward` consists of, out of the list that the scripts of `deploy/dev` read too.

const LIST: &str = include_str!("../services.txt");

/// A service of Simward.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Service {
    /// What its program is called.
    pub name: &'static str,
    /// Its schema in the database.
    pub schema: &'static str,
    /// Where it is reached from outside, when it is.
    pub listener: Option<Listener>,
}

/// An address that a service listens on.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Listener {
    /// The variable that sets it.
    pub variable: &'static str,
    /// The address when nothing sets it.
    pub default: &'static str,
    /// Who is served there.
    pub purpose: String,
}

impl Service {
    /// The variable that holds its database login.
    pub fn url_variable(&self) -> String {
        format!("{}_DATABASE_URL", self.schema.to_uppercase())
    }

    fn parse(line: &'static str) -> Option<Self> {
        let mut words = line.split_whitespace();
        Some(Self {
            name: words.next()?,
            schema: words.next()?,
            listener: words
                .next()
                .zip(words.next())
                .map(|(variable, default)| Listener {
                    variable,
                    default,
                    purpose: words.collect::<Vec<_>>().join(" "),
                }),
        })
    }
}

/// Every service.
pub fn services() -> impl Iterator<Item = Service> {
    LIST.lines()
        .filter(|line| !line.starts_with('#'))
        .filter_map(Service::parse)
}

/// Every address that is reached from outside; the first is the REST API's.
pub fn listeners() -> impl Iterator<Item = Listener> {
    services().filter_map(|service| service.listener)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_list_names_every_schema_that_is_migrated_and_the_variables_that_set_addresses() {
        let schemas: Vec<&str> = services().map(|service| service.schema).collect();
        assert_eq!(schemas, crate::run::SERVICES.map(|service| service.schema));
        let known = [&gateway::SHORT_NAMES[..], &usage_ingestor::SHORT_NAMES].concat();
        for listener in listeners() {
            assert!(
                known.iter().any(|(variable, _)| *variable == listener.variable),
                "{listener:?}"
            );
        }
    }

    #[test]
    fn a_line_is_a_name_a_schema_and_where_it_listens() {
        assert_eq!(
            Service::parse("quota-service quota"),
            Some(Service {
                name: "quota-service",
                schema: "quota",
                listener: None
            })
        );
        let streamed = Service::parse("usage-ingestor usage SOME_LISTEN 127.0.0.1:1 Data Streamer").unwrap();
        assert_eq!(streamed.url_variable(), "USAGE_DATABASE_URL");
        assert_eq!(streamed.listener.unwrap().purpose, "Data Streamer");
        assert_eq!(Service::parse("quota-service"), None);
    }
}
