package cli

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"time"

	"github.com/coreos/go-systemd/v22/activation"
	"github.com/coreos/go-systemd/v22/daemon"
)

// manager is the service manager that runs an agent, where there is one (sd_notify(3)).
type manager struct{ log *slog.Logger }

func (m *manager) say(state string) {
	if _, err := daemon.SdNotify(false, state); err != nil {
		m.log.Warn("the service manager cannot be told", "state", state, "error", err.Error())
	}
}

func (m *manager) ready()     { m.say(daemon.SdNotifyReady) }
func (m *manager) stopping()  { m.say(daemon.SdNotifyStopping) }
func (m *manager) reloading() { m.say(daemon.SdNotifyReloading) }

// watch tells the manager's watchdog that the agent lives, for as long as it is found alive.
func (m *manager) watch(ctx context.Context, alive func(context.Context) error) {
	interval, err := daemon.SdWatchdogEnabled(false)
	if err != nil || interval == 0 {
		return
	}
	ticker := time.NewTicker(interval / 3)
	defer ticker.Stop()
	for {
		select {
		case <-ctx.Done():
			return
		case <-ticker.C:
			if err := alive(ctx); err != nil {
				m.log.Error("the agent is not well", "error", err.Error())
				continue
			}
			m.say(daemon.SdNotifyWatchdog)
		}
	}
}

// inheritedListeners are those that the manager has opened, by their network (sd_listen_fds(3)).
func inheritedListeners() (map[string]net.Listener, error) {
	all, err := activation.Listeners()
	if err != nil {
		return nil, err
	}
	inherited := map[string]net.Listener{}
	for _, l := range all {
		if l == nil {
			return nil, errors.New("the service manager has passed something that is no listener")
		}
		network := l.Addr().Network()
		if inherited[network] != nil {
			return nil, fmt.Errorf("the service manager has passed two %s sockets: the agent has one of each", network)
		}
		if network == "tcp" {
			if ip := l.Addr().(*net.TCPAddr).IP; !ip.IsLoopback() {
				return nil, fmt.Errorf("the service manager has passed a socket at %s, which is not loopback", l.Addr())
			}
		}
		inherited[network] = l
	}
	return inherited, nil
}
