//! A publisher's driver: receives from one peer and writes into a stream.
//!
//! Owns the session and the right to publish, which is taken before the offer is answered: a name that is taken is
//! refused then, with a reason.
use super::driver::Driver;
use super::handle::{Error, Reply, SessionId, Start};
use super::session::{Event, Role, Session, SessionConfig};
use hub::{Ended, Feedback, Publisher};

/// Answers, then receives until the end.
pub(super) async fn run(start: Start, reply: Reply) {
    match answer(&start).await {
        Ok((id, answer, mut receiver)) => {
            if reply.send(Ok((id, answer))).is_err() {
                // Whoever asked is gone, and nobody else has the answer.
                return;
            }
            let reason = receiver.receive().await;
            tracing::debug!(session = ?id, stream = %start.stream, %reason, "publisher over");
        }
        // Nobody to tell: then it does not matter either.
        Err(error) => drop(reply.send(Err(error))),
    }
}

struct Receiver {
    driver: Driver,
    publisher: Publisher,
    lost: u64,
}

async fn answer(start: &Start) -> Result<(SessionId, String, Receiver), Error> {
    let shared = &start.shared;
    let config = SessionConfig {
        role: Role::Publisher,
        ice_lite: shared.ice_lite,
        candidates: shared.candidates.clone(),
        bandwidth: shared.bandwidth,
    };
    let (session, answer) = Session::answer(&shared.context, &start.offer, config, hub::now())?;
    let hub = start.worker.hub();
    let publisher = hub.publish(&start.stream, start.peer.clone(), Some(start.worker.id())).await?;
    let (id, registration, inbox) = start.register(session.ufrag()).await?;
    let driver = Driver::new(session, shared.clone(), registration, inbox);
    Ok((id, answer, Receiver { driver, publisher, lost: 0 }))
}

impl Receiver {
    async fn receive(&mut self) -> String {
        let mut events = Vec::new();
        let mut refused: Option<Ended> = None;
        loop {
            self.driver.drain(&mut events);
            for event in events.drain(..) {
                if let Event::Ended(reason) = event {
                    return refused.map_or_else(|| reason.to_string(), |ended| ended.to_string());
                }
                // After the stream's end the rest of the session is only its goodbye.
                if refused.is_none()
                    && let Err(ended) = self.take(event).await
                {
                    self.driver.session.close(hub::now());
                    refused = Some(ended);
                }
            }
            tokio::select! {
                biased;
                wake = self.driver.wake() => self.driver.handle(wake),
                feedback = self.publisher.feedback(), if refused.is_none() => match feedback {
                    Ok(Feedback::KeyframeWanted) => self.driver.session.request_keyframes(hub::now()),
                    Ok(Feedback::BitrateMax(_) | Feedback::Waits { .. } | Feedback::Granted) => {}
                    Err(ended) => {
                        self.driver.session.close(hub::now());
                        refused = Some(ended);
                    }
                },
            }
        }
    }

    async fn take(&mut self, event: Event) -> Result<(), Ended> {
        match event {
            Event::Tracks(tracks) => self.publisher.set_tracks(tracks).await,
            Event::Unit(unit) => {
                let lost = self.driver.session.stats().packets_lost;
                if lost > self.lost {
                    self.publisher.report_lost(lost - self.lost).await?;
                    self.lost = lost;
                }
                self.publisher.push(unit).await
            }
            Event::Connected | Event::KeyframeWanted { .. } | Event::Estimate { .. } | Event::Ended(_) => {
                Ok(())
            }
        }
    }
}
