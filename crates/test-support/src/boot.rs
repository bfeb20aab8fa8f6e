use service_runtime::config::Settings;
use service_runtime::{Service, Shared};

use crate::Scope;

/// What a service needs that runs inside the test: its settings and its servers. Its own defaults, with `values` by short name
/// or by key, such as `("usage.check_days", "1")`; the last one of a name counts.
///
/// # Panics
/// When a setting or a server is not there.
pub async fn boot(scope: &Scope, service: &Service, values: &[(&str, &str)]) -> (Settings, Shared) {
    let mut names: Vec<(&str, &str)> = service.short_names.concat();
    let keys = values.iter().filter(|(name, _)| name.contains('.'));
    names.extend(keys.map(|(key, _)| (*key, *key)));
    let find = |name: &str| {
        let found = values.iter().rev().find(|(key, _)| *key == name);
        found.map(|(_, value)| (*value).to_owned())
    };
    let settings = Settings::build(service.defaults, &names, find).expect("settings");
    let shared = Shared::start(scope.runtime_config(), "test").await;
    (settings, shared.expect("servers"))
}
