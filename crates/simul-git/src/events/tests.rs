use super::*;

fn told(events: &Events) -> Vec<(String, Phase, u64)> {
    std::iter::from_fn(|| events.try_next()).map(|event| (event.repo, event.phase, event.done)).collect()
}

#[test]
fn a_slow_reader_gets_the_newest_state_and_every_end() {
    let hub = Arc::new(Hub::default());
    let events = hub.subscribe();
    for done in 0..10_000 {
        hub.send(Event { done, ..Event::new("a", Phase::Receiving) });
        hub.send(Event { done, ..Event::new("b", Phase::Receiving) });
    }
    hub.send(Event::new("a", Phase::Done));
    hub.send(Event { done: 1, ..Event::new("a", Phase::Walking) });
    hub.send(Event { done: 2, ..Event::new("a", Phase::Walking) });
    hub.send(Event::new("a", Phase::Failed));
    hub.send(Event { done: 3, ..Event::new("a", Phase::Blaming) });
    assert_eq!(
        told(&events),
        [
            ("a".into(), Phase::Done, 0),
            ("b".into(), Phase::Receiving, 9999),
            ("a".into(), Phase::Failed, 0),
            ("a".into(), Phase::Blaming, 3),
        ]
    );
}

#[test]
fn whoever_comes_late_hears_how_things_stand() {
    let hub = Arc::new(Hub::default());
    hub.send(Event::new("a", Phase::Receiving));
    hub.send(Event::new("a", Phase::Done));
    hub.send(Event::new("b", Phase::Queued));
    assert_eq!(told(&hub.subscribe()), [("a".into(), Phase::Done, 0), ("b".into(), Phase::Queued, 0)]);
}

#[test]
fn a_subscription_ends_when_the_work_has() {
    let hub = Arc::new(Hub::default());
    let (events, lasting) = (hub.subscribe(), hub.subscribe().lasting());
    assert!(!events.is_ended(), "nothing ran yet");
    let (one, two) = (hub.begin(), hub.begin());
    drop(one);
    assert!(!events.is_ended());
    hub.send(Event::new("a", Phase::Done));
    let reader = std::thread::spawn(move || {
        let mut count = 0;
        while events.next_blocking(None).is_some() {
            count += 1;
        }
        (count, events)
    });
    drop(two);
    let (count, events) = reader.join().unwrap();
    assert_eq!(count, 1);
    let again = hub.begin();
    assert!(!events.is_ended(), "it goes on with the next piece of work");
    drop(again);
    assert!(events.is_ended());
    assert!(lasting.next_blocking(None).is_some());
    assert!(!lasting.is_ended());
    hub.close();
    assert_eq!(lasting.next_blocking(None), None);
}

#[test]
fn tasks_share_one_subscription() {
    let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(2).build().unwrap();
    let hub = Arc::new(Hub::default());
    let events = Arc::new(hub.subscribe());
    let running = hub.begin();
    let tasks: Vec<_> = (0..4)
        .map(|_| {
            let events = events.clone();
            runtime.spawn(async move {
                let mut count = 0;
                while events.next().await.is_some() {
                    count += 1;
                }
                count
            })
        })
        .collect();
    for repo in 0..500 {
        hub.send(Event::new(&repo.to_string(), Phase::Done));
    }
    drop(running);
    let count: i32 = tasks.into_iter().map(|task| runtime.block_on(task).unwrap()).sum();
    assert_eq!(count, 500);
}

#[test]
fn an_expired_wait_is_no_end() {
    let events = Hub::default().subscribe();
    assert_eq!(events.next_blocking(Some(Duration::ZERO)), None);
    assert!(!events.is_ended());
}

#[test]
fn a_failure_says_why_and_no_password() {
    let error = RepoError::new(RepoErrorKind::Auth, "https://bob:pw@h/r", "connecting", "refused").hint("give a token");
    let event = Event::failed("https://bob:pw@h/r", &error);
    assert_eq!(event.repo, "https://h/r");
    assert_eq!(event.message.as_deref(), Some("connecting: refused (hint: give a token)"));
}
