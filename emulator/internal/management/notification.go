package management

import (
	"slices"

	"github.com/awsauth-go/awsauth/emulator/internal/account"
)

const (
	channelAll       = "ALL"
	defaultThreshold = 45 // days
)

var (
	notificationEvent   = limits{values: []string{"CA_CERTIFICATE_EXPIRY", "END_ENTITY_CERTIFICATE_EXPIRY"}}
	notificationChannel = limits{values: []string{channelAll}}
)

// notificationDetail is the model's NotificationSettingDetail.
type notificationDetail struct {
	Enabled      bool   `json:"enabled"`
	Event        string `json:"event"`
	Threshold    int    `json:"threshold"`
	Channel      string `json:"channel"`
	ConfiguredBy string `json:"configuredBy"`
}

func detailNotifications(settings []account.NotificationSetting) []notificationDetail {
	details := make([]notificationDetail, len(settings))
	for i, s := range settings {
		details[i] = notificationDetail{s.Enabled, s.Event, s.Threshold, s.Channel, s.ConfiguredBy}
	}
	return details
}

// putNotificationSettings sets some settings of a trust anchor; the others stay.
func putNotificationSettings(r *request) (any, error) {
	id := value(r.body.text("trustAnchorId", uuid.required()), "")
	settings := r.notificationSettings(limits{max: 50}.required())
	if err := r.admit(trustAnchors.arn(r, id)); err != nil {
		return nil, err
	}
	return trustAnchors.change(r, id, func(_ *account.State, t *account.TrustAnchor) error {
		t.Notifications = withSettings(t.Notifications, settings)
		return nil
	})
}

// resetNotificationSettings gives some settings of a trust anchor their defaults.
func resetNotificationSettings(r *request) (any, error) {
	id := value(r.body.text("trustAnchorId", uuid.required()), "")
	keys := r.body.objects("notificationSettingKeys", limits{max: 50}.required())
	var events []string
	for _, key := range keys {
		events = append(events, value(key.text("event", notificationEvent.required()), ""))
		key.text("channel", notificationChannel) // there is but one
	}
	if err := r.admit(trustAnchors.arn(r, id)); err != nil {
		return nil, err
	}
	defaults := slices.DeleteFunc(account.DefaultNotifications(), func(s account.NotificationSetting) bool {
		return !slices.Contains(events, s.Event)
	})
	return trustAnchors.change(r, id, func(_ *account.State, t *account.TrustAnchor) error {
		t.Notifications = withSettings(t.Notifications, defaults)
		return nil
	})
}

func (r *request) notificationSettings(list limits) []account.NotificationSetting {
	var settings []account.NotificationSetting
	for _, s := range r.body.objects("notificationSettings", list) {
		settings = append(settings, account.NotificationSetting{
			Enabled:      value(s.flag("enabled", limits{}.required()), false),
			Event:        value(s.text("event", notificationEvent.required()), ""),
			Threshold:    value(s.integer("threshold", limits{min: 1, max: 360}), defaultThreshold),
			Channel:      value(s.text("channel", notificationChannel), channelAll),
			ConfiguredBy: r.account.ID,
		})
	}
	return settings
}

// withSettings answers a copy of the old settings with those of the same event and channel replaced.
func withSettings(old, changed []account.NotificationSetting) []account.NotificationSetting {
	all := slices.Clone(old)
	for _, c := range changed {
		same := func(s account.NotificationSetting) bool { return s.Event == c.Event && s.Channel == c.Channel }
		if i := slices.IndexFunc(all, same); i >= 0 {
			all[i] = c
		} else {
			all = append(all, c)
		}
	}
	return all
}
