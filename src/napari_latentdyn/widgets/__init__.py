"""The windows of the plugin: views that know no viewer, and the controller between both."""
