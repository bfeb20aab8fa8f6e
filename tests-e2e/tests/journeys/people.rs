use std::io::Write;
use std::process::{Command, Stdio};

use anyhow::ensure;
use once_emulator::EmulatorConfig;
use serde_json::{Value, json};
use test_support::{eventually, simward_command};
use tests_e2e::{Caller, Sandbox};

const PASSWORD: &str = "correct horse battery staple";

async fn log_in(sandbox: &Sandbox, user: &str, password: &str) -> Value {
    let nobody = Caller::nobody(&sandbox.simward().url);
    let body = json!({ "username": user, "password": password });
    let reply = nobody.ask("POST", "/api/v1/auth/login", body).await.unwrap();
    reply.expect(200).unwrap().data().clone()
}

fn token(login: &Value) -> &str {
    login["access_token"].as_str().unwrap()
}

#[tokio::test(flavor = "multi_thread")]
async fn the_first_admin_makes_a_tenant_whose_user_sees_its_own_sims_and_leaves_in_a_second() {
    let mut sandbox = Sandbox::start(EmulatorConfig::default().with_fleet(10).without_limits(), &[]).await;
    sandbox.add_process().await;
    sandbox.sync().await;
    let options = sandbox.options.clone().with("SIMWARD_ADMIN_PASSWORD", PASSWORD);
    let arguments = [
        "admin",
        "create",
        "--username",
        "root",
        "--email",
        "root@example.com",
    ];
    let made = simward_command(&sandbox.scope, &options, &arguments);
    assert!(made.status.success(), "{}", String::from_utf8_lossy(&made.stderr));
    let urls = [sandbox.processes[0].url.clone(), sandbox.processes[1].url.clone()];
    let login = log_in(&sandbox, "root", PASSWORD).await;
    let root = Caller::with_token(&urls[0], token(&login));

    let organization = json!({ "name": "North", "slug": "north" });
    let made = root
        .ask("POST", "/api/v1/organizations", organization)
        .await
        .unwrap()
        .expect(201)
        .unwrap();
    let north = made.data()["id"].as_str().unwrap().to_owned();
    let user = json!({
        "username": "ann", "email": "ann@example.com", "password": PASSWORD, "full_name": "Ann", "role": "user",
        "organization_id": north,
    });
    let made = root
        .ask("POST", "/api/v1/users", user)
        .await
        .unwrap()
        .expect(201)
        .unwrap();
    let ann_id = made.data()["id"].as_str().unwrap().to_owned();
    let iccid = sandbox.all_sims().await.unwrap()[3]["iccid"]
        .as_str()
        .unwrap()
        .to_owned();
    let path = format!("/api/v1/sims/{iccid}");
    let login = log_in(&sandbox, "ann", PASSWORD).await;
    let ann = Caller::with_token(&urls[0], token(&login));
    assert_eq!(ann.get(&path).await.unwrap().status, 404);

    root.ask("PUT", &path, json!({ "organization_id": north }))
        .await
        .unwrap()
        .expect(200)
        .unwrap();

    // At once, on every replica.
    for url in &urls {
        assert_eq!(
            ann.at(url).get(&path).await.unwrap().expect(200).unwrap().data()["organization_id"],
            north
        );
        let listed = ann
            .at(url)
            .get("/api/v1/sims")
            .await
            .unwrap()
            .expect(200)
            .unwrap();
        assert_eq!(listed.body["pagination"]["total"], 1, "{}", listed.text);
    }
    assert_eq!(
        ann.get("/api/v1/users").await.unwrap().status,
        403,
        "a user is no admin"
    );
    sandbox.sync().await;
    assert_eq!(
        ann.get(&path).await.unwrap().status,
        200,
        "a reading of 1NCE keeps the tenant"
    );

    root.ask(
        "PUT",
        &format!("/api/v1/users/{ann_id}"),
        json!({ "is_active": false }),
    )
    .await
    .unwrap()
    .expect(200)
    .unwrap();
    for url in &urls {
        eventually("the session is over", || async {
            let status = ann.at(url).get(&path).await?.status;
            ensure!(status == 401, "{status}");
            Ok(())
        })
        .await;
    }
    let trail = root
        .get(&format!("/api/v1/audit-log?iccid={iccid}"))
        .await
        .unwrap()
        .expect(200)
        .unwrap();
    assert!(trail.text.contains("sim.update"), "{}", trail.text);
    let verified = simward_command(&sandbox.scope, &sandbox.options, &["audit", "verify"]);
    assert!(
        verified.status.success(),
        "{}",
        String::from_utf8_lossy(&verified.stderr)
    );
    let log = sandbox
        .processes
        .iter()
        .map(test_support::Simward::log)
        .collect::<String>();
    assert!(
        !log.contains(PASSWORD) && !log.contains(token(&login)),
        "a secret is in the log"
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn a_stolen_refresh_token_ends_the_session_for_both() {
    let sandbox = Sandbox::start(EmulatorConfig::default().with_fleet(2).without_limits(), &[]).await;
    let mut create = Command::new(test_support::simward_program());
    create
        .args([
            "admin",
            "create",
            "--username",
            "root",
            "--email",
            "root@example.com",
        ])
        .env_clear()
        .envs(test_support::simward_variables(&sandbox.scope, &sandbox.options))
        .stdin(Stdio::piped())
        .stdout(Stdio::null());
    let mut child = create.spawn().unwrap();
    child
        .stdin
        .take()
        .unwrap()
        .write_all(PASSWORD.as_bytes())
        .unwrap();
    assert!(child.wait().unwrap().success());
    let nobody = Caller::nobody(&sandbox.simward().url);
    let login = log_in(&sandbox, "root", PASSWORD).await;
    let stolen = json!({ "refresh_token": login["refresh_token"] });
    let honest = nobody
        .ask("POST", "/api/v1/auth/refresh", stolen.clone())
        .await
        .unwrap()
        .expect(200)
        .unwrap();

    let thief = nobody.ask("POST", "/api/v1/auth/refresh", stolen).await.unwrap();

    assert_eq!(thief.status, 401, "{}", thief.text);
    let again = json!({ "refresh_token": honest.data()["refresh_token"] });
    assert_eq!(
        nobody
            .ask("POST", "/api/v1/auth/refresh", again)
            .await
            .unwrap()
            .status,
        401
    );
    let access = Caller::with_token(&sandbox.simward().url, token(honest.data()));
    eventually("the access token is dead", || async {
        let status = access.get("/api/v1/auth/me").await?.status;
        ensure!(status == 401, "{status}");
        Ok(())
    })
    .await;
}
