//! The page in a real browser. Reported as skipped where there is none.

use std::path::{Path, PathBuf};
use std::time::Duration;

use fantoccini::wd::Capabilities;
use fantoccini::{ClientBuilder, Locator};
use hyper_util::client::legacy::connect::HttpConnector;
use serde_json::json;
use sluicegate_tests::detector::Detector;
use sluicegate_tests::fixtures;
use sluicegate_tests::platform::{Options, Platform};
use sluicegate_tests::process::Program;
use sluicegate_tests::wait::wait_for;

use crate::shared::skip;

const PASSWORD: &str = "correct horse battery";
const LIMIT: Duration = Duration::from_mins(1);

fn on_path(program: &str) -> Option<PathBuf> {
    let path = std::env::var_os("PATH")?;
    std::env::split_paths(&path)
        .map(|folder| folder.join(program))
        .find(|file| file.is_file())
}

fn capabilities(profile: &Path) -> Capabilities {
    let arguments = [
        "--headless=new",
        "--no-sandbox",
        "--disable-gpu",
        "--disable-dev-shm-usage",
        "--disable-quic",
        "--no-first-run",
        "--disable-background-networking",
        "--disable-component-update",
        "--disable-sync",
        "--window-size=900,2400",
        &format!("--user-data-dir={}", profile.display()),
    ];
    let options = json!({"goog:chromeOptions": {"args": arguments}});
    options.as_object().unwrap().clone()
}

#[tokio::test]
async fn a_person_signs_up_sends_a_picture_and_sees_it() {
    let (Some(driver), Some(_)) = (on_path("chromedriver"), on_path("chromium")) else {
        skip("browser", "chromium and chromedriver are not installed");
        return;
    };
    let detector = Detector::start().await.unwrap();
    detector.set_down(true);
    let options = Options::default()
        .setting("MODERATION_IMAGE_SERVICE_URL", &detector.url)
        .setting("MODERATION_IMAGE_ASYNC", "true");
    let platform = Platform::start(options).await.unwrap();
    let home = tempfile::tempdir().unwrap();
    let environment = [("TMPDIR".to_owned(), home.path().display().to_string())];
    let mut driver = Program::start(&driver, &["--port=0"], &environment).unwrap();
    let said = driver
        .wait_for_line("was started successfully on port ", LIMIT)
        .await
        .unwrap();
    let driver_url = format!("http://127.0.0.1:{}", said.trim_end_matches('.'));
    let browser = ClientBuilder::new(HttpConnector::new())
        .capabilities(capabilities(&home.path().join("profile")))
        .connect(&driver_url)
        .await
        .unwrap();

    let visit = visit(&browser, &platform.edge_url, &detector);
    let outcome = tokio::time::timeout(Duration::from_mins(3), visit).await;
    let _ = browser.execute("scrollTo(0, 0)", Vec::new()).await;
    let picture = browser.screenshot().await;
    // The session ends before anything is asserted: a killed driver would leave the browser behind.
    browser.close().await.unwrap();
    if let Ok(picture) = picture {
        let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("screenshots");
        std::fs::create_dir_all(&folder).unwrap();
        std::fs::write(folder.join("page.png"), picture).unwrap();
    }
    outcome.expect("the visit ends in time").unwrap();
    driver.kill().unwrap();
    platform.stop().await.unwrap();
}

type Visit = Result<(), fantoccini::error::CmdError>;

async fn visit(browser: &fantoccini::Client, url: &str, detector: &Detector) -> Visit {
    read_docs(browser, url).await?;
    browser.goto(url).await?;
    find(browser, "#handle").await?.send_keys("visitor").await?;
    find(browser, "#password")
        .await?
        .send_keys(PASSWORD)
        .await?;
    find(browser, "button[value=sign-up]")
        .await?
        .click()
        .await?;
    find(browser, "#upload:not([hidden])").await?;
    find(browser, "input[value=post_header]")
        .await?
        .click()
        .await?;
    let photo = fixtures::path("photo.jpg");
    find(browser, "#file")
        .await?
        .send_keys(&photo.to_string_lossy())
        .await?;

    for stage in ["sent", "received", "processed"] {
        find(browser, &format!("#stages li.done[data-stage={stage}]")).await?;
    }
    say_moderated(browser, "waiting for the detector").await?;
    detector.fails().await.unwrap();
    detector.set_down(false);
    say_moderated(browser, "passed").await?;
    find(browser, "#stages li.done[data-stage=moderated]").await?;
    find(browser, "#result img.loaded").await?;
    find(browser, "#result canvas").await?;
    let size =
        "const i = document.querySelector('#result img'); return [i.naturalWidth, i.naturalHeight]";
    let size = browser.execute(size, Vec::new()).await?;
    assert!(
        size[0].as_u64() > Some(0) && size[1].as_u64() > Some(0),
        "{size}"
    );

    find(browser, "#post-picture:not([hidden])").await?;
    find(browser, "#body")
        .await?
        .send_keys("Written in a real browser.")
        .await?;
    find(browser, "#post-form button").await?.click().await?;
    find(browser, "#posts li img.loaded").await?;
    let post = find(browser, "#posts li .body").await?.text().await?;
    assert_eq!(post, "Written in a real browser.");
    let message = find(browser, "#message").await?.text().await?;
    assert_eq!(message, "Posted.");
    come_back_as_a_known_device(browser).await?;
    leave_and_come_back(browser).await
}

/// The token that the account gave this device at sign-up is sent with the next log-in: a known one stays as it is.
async fn come_back_as_a_known_device(browser: &fantoccini::Client) -> Visit {
    let token = "return JSON.parse(localStorage.getItem('sluicegate.devices'))?.visitor ?? null";
    let first = browser.execute(token, Vec::new()).await?;
    assert!(
        first.as_str().is_some_and(|token| !token.is_empty()),
        "{first}"
    );
    let session = "return sessionStorage.getItem('sluicegate.session')";
    let session = browser.execute(session, Vec::new()).await?;
    let session = session.as_str().unwrap_or_default().to_owned();
    assert!(session.contains("refresh_token") && !session.contains("device_token"));
    find(browser, "#log-out").await?.click().await?;
    log_in(browser, "log-in").await?;
    find(browser, "#upload:not([hidden])").await?;
    assert_eq!(browser.execute(token, Vec::new()).await?, first);
    Ok(())
}

async fn leave_and_come_back(browser: &fantoccini::Client) -> Visit {
    find(browser, "#leave summary").await?.click().await?;
    for (password, said) in [
        ("something else", "The password is wrong."),
        (PASSWORD, "Your account is hidden"),
    ] {
        let field = find(browser, "#leave-password").await?;
        field.clear().await?;
        field.send_keys(password).await?;
        find(browser, "#leave-form button:enabled")
            .await?
            .click()
            .await?;
        say(browser, said).await?;
    }
    find(browser, "#account:not([hidden])").await?;
    find(browser, "#no-posts:not([hidden])").await?;

    log_in(browser, "log-in").await?;
    let offered = find(browser, "#restore:not([hidden]) button:focus").await?;
    let text = find(browser, "#restore-text").await?.text().await?;
    assert!(text.starts_with("This account will be deleted"), "{text}");
    offered.click().await?;
    find(browser, "#upload:not([hidden])").await?;
    let name = find(browser, "#who-name").await?.text().await?;
    assert_eq!(name, "visitor");
    Ok(())
}

/// The handle is still in its field.
async fn log_in(browser: &fantoccini::Client, button: &str) -> Visit {
    // The form is hidden until a log-out is answered, and cannot be written in before.
    let password = find(browser, "#account:not([hidden]) #password").await?;
    password.clear().await?;
    password.send_keys(PASSWORD).await?;
    let button = format!("button[value={button}]:enabled");
    find(browser, &button).await?.click().await
}

/// Waits until the page says something that begins so.
async fn say(browser: &fantoccini::Client, text: &str) -> Visit {
    let what = format!("the page to say {text:?}");
    let said = wait_for(what, LIMIT, async || {
        let said = find(browser, "#message").await?.text().await?;
        Ok(said.starts_with(text).then_some(()))
    });
    said.await.expect("the page says what came of it");
    Ok(())
}

/// The page of the API is drawn, and says what an operation can answer.
async fn read_docs(browser: &fantoccini::Client, url: &str) -> Visit {
    browser.goto(&format!("{url}/docs")).await?;
    let operation = find(browser, "#create_post").await?;
    operation.click().await?;
    let shown = operation.text().await?;
    for said in ["Write a post", "Answers", "content-refused", "NewPost"] {
        assert!(shown.contains(said), "{said} is not in: {shown}");
    }
    find(browser, "#schema-Post").await?;
    Ok(())
}

/// Waits until the page says so of the last stage.
async fn say_moderated(browser: &fantoccini::Client, text: &str) -> Visit {
    let selector = "#stages li[data-stage=moderated] time";
    let what = format!("the page to say {text:?}");
    let said = wait_for(what, LIMIT, async || {
        let said = find(browser, selector).await?.text().await?;
        Ok(said.starts_with(text).then_some(()))
    });
    said.await.expect("the page says how moderation stands");
    Ok(())
}

async fn find(
    browser: &fantoccini::Client,
    selector: &str,
) -> Result<fantoccini::elements::Element, fantoccini::error::CmdError> {
    browser
        .wait()
        .at_most(LIMIT)
        .for_element(Locator::Css(selector))
        .await
}
