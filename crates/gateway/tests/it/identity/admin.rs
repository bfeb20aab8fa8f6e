use domain::OrganizationId;
use gateway::users::{self, NewAdmin};
use uuid::Uuid;

use crate::harness::App;
use crate::people::PASSWORD;

#[tokio::test(flavor = "multi_thread")]
async fn the_command_makes_an_administrator_once() {
    let app = App::start().await;
    let id = app.world.admin("ada", None).await;
    let rows = app.world.audited("user.create").await;
    assert_eq!((rows[0].0.as_str(), &rows[0].1), ("system:cli", &id.to_string()));
    let new = |username: &str, email: &str| NewAdmin {
        username: username.to_owned(),
        email: email.to_owned(),
        full_name: None,
        organization: None,
    };
    for (admin, password) in [
        (new("ada", "new@example.org"), PASSWORD),
        (new("Ada", "new@example.org"), PASSWORD),
        (new("new", "nonsense"), PASSWORD),
        (new("new", "new@example.org"), "short"),
        (
            NewAdmin {
                organization: Some(OrganizationId(Uuid::from_u128(9))),
                ..new("new", "n@example.org")
            },
            PASSWORD,
        ),
    ] {
        let made = users::create_admin(&app.world.db, admin.clone(), password.to_owned().into()).await;
        assert!(made.is_err(), "{admin:?}");
    }
    assert_eq!(app.world.audited("user.create").await.len(), 1);
}
